"""Time as an argument: decisions take it, only shells read it.

Durations are integers of nanoseconds on the monotonic clock (`_ns`), so that "the moment a rule opens" is
exact and a replay gives the same answer. Wall time is for people and records, and is never trusted.
"""

import time
from datetime import UTC, datetime
from typing import Final, Protocol

__all__ = ["MS", "SECOND", "Clock", "SystemClock", "ms_to_ns", "ns_to_ms", "timestamp"]

MS: Final = 1_000_000  # nanoseconds in a millisecond
SECOND: Final = 1_000_000_000  # nanoseconds in a second
_US: Final = 1000  # nanoseconds in a microsecond
_US_IN_MS: Final = 1000


def ms_to_ns(ms: float) -> int:
    """Milliseconds to whole nanoseconds."""
    return round(ms * MS)


def ns_to_ms(ns: int) -> float:
    """Nanoseconds to milliseconds, cut to the microsecond: what comes before a moment is not told as at it.

    >>> ns_to_ms(999_999)
    0.999
    """
    return ns // _US / _US_IN_MS


def timestamp(moment: datetime) -> str:
    """A moment of wall time as messages state it: RFC 3339, to the millisecond.

    >>> timestamp(datetime(2026, 11, 24, 1, 8, 43, 694_200, tzinfo=UTC))
    '2026-11-24T01:08:43.694+00:00'
    """
    return moment.isoformat(timespec="milliseconds")


class Clock(Protocol):
    """Where a shell reads time from."""

    def now_ns(self) -> int:
        """Monotonic nanoseconds; the zero point has no meaning."""
        ...

    def wall(self) -> datetime:
        """Wall-clock time in UTC, possibly wrong by years."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now_ns(self) -> int:
        """Monotonic nanoseconds."""
        return time.monotonic_ns()

    def wall(self) -> datetime:
        """Wall-clock time in UTC."""
        return datetime.now(UTC)
