"""What became of the questions to one cloud contestant since the agent started."""

from collections import Counter
from typing import Any, Final

from roost_shared.asking.round_trip import RoundTrips
from roost_shared.clock import ns_to_ms

__all__ = ["Record"]

_MAX_CODES: Final = 32
_OTHER: Final = "score.other_error"


class Record:
    """Counts of one contestant: of those asked, each was answered, declined by the scorer, lost, or still waits."""

    __slots__ = ("answered", "asked", "asked_again", "declined", "late", "lost", "trips")

    def __init__(self) -> None:
        self.asked = 0
        self.asked_again = 0  # of those, sent twice
        self.answered = 0
        self.lost = 0
        self.late = 0  # of the lost, came after all
        self.declined: Counter[str] = Counter()  # by code: not asked, or the scorer would not or made no sense
        self.trips = RoundTrips()

    def decline(self, code: str) -> str:
        """Count why there is no score, and return the code it is counted under: scorers could make up any number."""
        if code not in self.declined and len(self.declined) >= _MAX_CODES:
            code = _OTHER
        self.declined[code] += 1
        return code

    def to_dict(self) -> dict[str, Any]:
        """The counts under the names `roost-agent status --json` gives them."""
        return {
            "asked": self.asked,
            "asked_again": self.asked_again,
            "answered": self.answered,
            "lost": self.lost,
            "late": self.late,
            "declined": dict(self.declined),
            "p50_ms": _ms(self.trips.p50_ns),
            "p95_ms": _ms(self.trips.p95_ns),
        }


def _ms(ns: int | None) -> float | None:
    return None if ns is None else ns_to_ms(ns)
