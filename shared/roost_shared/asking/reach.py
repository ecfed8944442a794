"""How far away a task's cloud contestants are, and what of it the rendezvous should know. Pure.

Before a task has had a few round trips of its own, the probes' tell whether asking fits at all, and its questions are
waited for until time is up.

>>> reach = Reach()
>>> reach.news(up=True, probe_ns=20_000_000, now_ns=0)
Link(up=True, round_trip_ns=20000000)
>>> reach.news(up=True, probe_ns=20_900_000, now_ns=0) is None
True
>>> reach.patience_ns(now_ns=0) is None
True
"""

from typing import Final

from roost_shared.asking.round_trip import RoundTrips
from roost_shared.clock import MS
from roost_shared.rendezvous import Link

__all__ = ["Reach"]

_KNOWN_AFTER: Final = 5  # round trips
_LEAST_PATIENCE_NS: Final = 10 * MS  # a turn of somebody's loop is no loss
_NOTEWORTHY: Final = 0.05  # of a round trip: less of a change is not told


class Reach:
    """What is known of the way to one task's contestants."""

    def __init__(self) -> None:
        self.trips = RoundTrips()
        self._told = Link()

    def patience_ns(self, now_ns: int) -> int | None:
        """How long a question is worth waiting for: 95 % of them take no longer. None while that is not known."""
        self.trips.forget_stale(now_ns)
        p95_ns = self.trips.p95_ns
        return None if p95_ns is None or self.trips.count < _KNOWN_AFTER else max(p95_ns, _LEAST_PATIENCE_NS)

    def news(self, *, up: bool, probe_ns: int | None, now_ns: int) -> Link | None:
        """What to tell the rendezvous; None if it knows all that matters.

        Args:
            up: whether questions may cross.
            probe_ns: what 95 % of the probes take at most; None if none ever came back.
            now_ns: monotonic time.
        """
        round_trip_ns = self.patience_ns(now_ns)
        if round_trip_ns is None:
            round_trip_ns = probe_ns
        link = Link() if not up or round_trip_ns is None else Link(up=True, round_trip_ns=round_trip_ns)
        told = self._told
        if link.up == told.up and abs(link.round_trip_ns - told.round_trip_ns) <= _NOTEWORTHY * told.round_trip_ns:
            return None
        self._told = link
        return link
