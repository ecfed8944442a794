"""How far away scorers are, task by task, and what of it the rendezvous shall know. Pure.

Only so many tasks are remembered: those that were asked least lately are forgotten. The way to the scorers, there and
back, is the same for all of them.

>>> from roost_shared.clock import MS
>>> reaches = Reaches()
>>> for _ in range(5):
...     reaches.learn("acme/meter", 80 * MS, 30 * MS, now_ns=0)
>>> 50 * MS <= reaches.way_ns <= 55 * MS, 80 * MS <= reaches.patience_ns("acme/meter", now_ns=0) <= 88 * MS
(True, True)
>>> reaches.link("acme/meter", up=True, alone=True, now_ns=0)
Link(up=True, round_trip_ns=0)
>>> reaches.link("acme/meter", up=True, alone=False, now_ns=0).round_trip_ns >= 80 * MS
True
"""

from collections import OrderedDict
from typing import Final

from roost_shared.asking.reach import Reach
from roost_shared.asking.round_trip import RoundTrips
from roost_shared.rendezvous import Link

__all__ = ["Reaches"]

_TASKS: Final = 1000


class Reaches:
    """What is known of the ways to all tasks' contestants."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, Reach] = OrderedDict()  # by task, the one asked least lately first
        self._way = RoundTrips()

    @property
    def way_ns(self) -> int:
        """Half of the questions are on their way no longer, there and back, without what the scorer takes."""
        return self._way.p50_ns or 0

    def patience_ns(self, task: str, now_ns: int) -> int | None:
        """How long a question of a task is worth waiting for; None while that is not known."""
        return self._reach(task).patience_ns(now_ns)

    def learn(self, task: str, took_ns: int, scorer_ns: float | None, now_ns: int) -> None:
        """A question has come back as a score.

        Args:
            task: whose.
            took_ns: from when it was sent first.
            scorer_ns: what of that the scorer took, by its own word; None: it says nothing of the way.
            now_ns: monotonic time.
        """
        self._reach(task).trips.note(took_ns, now_ns)
        if scorer_ns is not None and 0 <= scorer_ns <= took_ns:
            self._way.note(took_ns - round(scorer_ns), now_ns)

    def link(self, task: str, *, up: bool, alone: bool, now_ns: int) -> Link:
        """What the rendezvous shall know of the way to a task's contestants.

        Args:
            task: whose.
            up: questions can be sent.
            alone: no other question of the task is waited for; then it is tried, however long they took before.
            now_ns: monotonic time.
        """
        reach = self._reach(task)
        known = reach.patience_ns(now_ns) is not None
        return Link(up, (reach.trips.p50_ns or 0) if known and not alone else 0)

    def _reach(self, task: str) -> Reach:
        reach = self._of.get(task)
        if reach is None:
            reach = self._of[task] = Reach()
            if len(self._of) > _TASKS:
                self._of.popitem(last=False)
        self._of.move_to_end(task)
        return reach
