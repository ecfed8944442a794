"""Sends probes when the link's health asks for them, and learns from those that come back."""

from collections.abc import Callable
from typing import Final

from roost_edge.asking.health import LinkHealth
from roost_edge.loop.reactor import Reactor, Timer
from roost_shared.asking.round_trip import RoundTrips
from roost_shared.chance import CHANCE
from roost_shared.clock import MS, SECOND

__all__ = ["Prober"]

_PATIENCE_NS: Final = (200 * MS, 2 * SECOND)  # least and most
_TIMES_P95: Final = 4
_REMEMBERED: Final = 64  # probes, of which the last may still come back


class Prober:
    """The probes of one link.

    Args:
        health: says when; is told what became of them.
        reactor: the agent's loop.
        send: sends a probe under a new id and returns it; None if it could not.
        on_change: called after a probe was lost.
        draw: randomness for the pauses, evenly in 0…1.
    """

    def __init__(
        self,
        health: LinkHealth,
        reactor: Reactor,
        send: Callable[[], str | None],
        on_change: Callable[[], None],
        *,
        draw: Callable[[], float] = CHANCE.random,
    ) -> None:
        self.sent = 0
        self.returned = 0
        self.trips = RoundTrips()
        self._health = health
        self._reactor = reactor
        self._send = send
        self._on_change = on_change
        self._draw = draw
        self._sent_ns: dict[str, int] = {}  # by id
        self._due: Timer | None = None
        self._overdue: dict[str, Timer] = {}

    def follow(self) -> None:
        """See to the next probe: the health may have changed its mind."""
        due_ns = self._health.probe_due_ns
        if self._due is not None:
            if self._due.when_ns == due_ns:
                return
            self._due.cancel()
        self._due = None if due_ns is None else self._reactor.call_at(due_ns, self._probe)

    def heard(self, question_id: str) -> bool:
        """A score without a contestant came: whether it is a probe of ours, come back for the first time."""
        sent_ns = self._sent_ns.pop(question_id, None)
        if sent_ns is None:
            return False
        now_ns = self._reactor.now_ns()
        self._forgive(question_id)
        self.returned += 1
        self.trips.note(now_ns - sent_ns, now_ns)
        self._health.probe_returned(now_ns)
        return True

    def give_up(self) -> None:
        """Nothing that is under way will come back."""
        for question_id in list(self._overdue):
            self._forgive(question_id)
        self._sent_ns.clear()

    def _probe(self) -> None:
        now_ns = self._reactor.now_ns()
        self._due = None
        question_id = self._send()
        self._health.probed(now_ns, self._draw())
        if question_id is not None:
            self.sent += 1
            self._sent_ns[question_id] = now_ns
            if len(self._sent_ns) > _REMEMBERED:
                del self._sent_ns[next(iter(self._sent_ns))]
            self._overdue[question_id] = self._reactor.call_after(self._patience_ns(), lambda: self._lost(question_id))
        self.follow()

    def _lost(self, question_id: str) -> None:
        self._forgive(question_id)
        self._health.probe_lost(self._reactor.now_ns())
        self._on_change()

    def _forgive(self, question_id: str) -> None:
        timer = self._overdue.pop(question_id, None)
        if timer is not None:
            timer.cancel()

    def _patience_ns(self) -> int:
        least_ns, most_ns = _PATIENCE_NS
        p95_ns = self.trips.p95_ns
        return most_ns if p95_ns is None else min(most_ns, max(least_ns, _TIMES_P95 * p95_ns))
