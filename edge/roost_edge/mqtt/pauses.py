"""When to try again for a connection: after a pause that grows with each failure, and not before it is allowed. Pure.

A connection that lived for ten seconds was a success, and the pauses start over; one that a broker ends at once, again
and again, was none.

>>> pauses = Pauses(lambda: 1.0)
>>> [pauses.next_ns(0) // MS for _ in range(3)]
[500, 1000, 2000]
>>> pauses.lasted(3 * SECOND), pauses.next_ns(0) // MS
(False, 4000)
>>> pauses.lasted(10 * SECOND), pauses.next_ns(0) // MS
(True, 500)
"""

from collections.abc import Callable
from typing import Final

from roost_shared.backoff import Backoff
from roost_shared.clock import MS, SECOND

__all__ = ["Pauses"]

_FIRST_NS: Final = 500 * MS
_LONGEST_NS: Final = 30 * SECOND
_STEADY_NS: Final = 10 * SECOND


class Pauses:
    """Those between the attempts at one broker.

    Args:
        draw: randomness, evenly in 0…1.
    """

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._backoff = Backoff(_FIRST_NS, _LONGEST_NS)
        self._not_before_ns = 0

    def hold_off(self, until_ns: int) -> None:
        """Allow no attempt before then."""
        self._not_before_ns = until_ns

    def held_off(self, now_ns: int) -> bool:
        """Whether no attempt is allowed yet."""
        return now_ns < self._not_before_ns

    def start_over(self) -> None:
        """What failed before says nothing of the next attempt."""
        self._backoff.reset()

    def lasted(self, lived_ns: int) -> bool:
        """A connection has ended that lived for `lived_ns`; whether it was a success."""
        steady = lived_ns >= _STEADY_NS
        if steady:
            self._backoff.reset()
        return steady

    def next_ns(self, now_ns: int) -> int:
        """How long to wait before the next attempt, in nanoseconds."""
        return max(self._backoff.next_ns(self._draw()), self._not_before_ns - now_ns)
