"""How much may be sent to cloud contestants: little at a time, and no more than so much in a day. Pure.

What waits unsent on a slow link delays all that comes behind it, and comes too late itself: beyond a few questions a
contestant declines, which the rules can deal with at once. A day is the last 24 hours on the monotonic clock, counted
by the hour: a wall clock may be wrong by years.

What was spent has to outlive a crash, and a disk is too slow to be told of every question. So a share of the day is
set aside at a time: it counts as spent in the record before it is, and questions are paid for out of it.

>>> budget = Budget(bytes_per_day=1_000_000)
>>> budget.reserve(900_000)
>>> budget.refusal(400_000, unsent=1, unsent_bytes=400_000, now_ns=0) is None
True
>>> budget.refusal(400_000, unsent=2, unsent_bytes=800_000, now_ns=0).code
'link.full'
>>> budget.spend(850_000, now_ns=0)
>>> budget.refusal(400_000, unsent=0, unsent_bytes=0, now_ns=0).code
'link.budget'
"""

from collections.abc import Iterable
from typing import Final

from roost_shared.clock import SECOND
from roost_shared.messages import ErrorInfo

__all__ = ["HOUR_NS", "MAX_UNSENT", "Budget"]

MAX_UNSENT: Final = 4  # questions
MAX_UNSENT_BYTES: Final = 1_000_000
HOUR_NS: Final = 3600 * SECOND
_HOURS: Final = 24


class Budget:
    """The limits of one link.

    Args:
        bytes_per_day: that questions may take; 0 for no limit.
        spent: what earlier boots have, as `spent` gives it.
    """

    def __init__(self, bytes_per_day: int = 0, spent: Iterable[tuple[int, int]] = ()) -> None:
        self.bytes_per_day = bytes_per_day
        self.reserved_bytes = 0  # that the record counts as spent already
        self._spent = dict(spent)  # hour: bytes

    def refusal(self, size_bytes: int, *, unsent: int, unsent_bytes: int, now_ns: int) -> ErrorInfo | None:
        """Why a question may not be sent now; None if it may.

        Args:
            size_bytes: its size.
            unsent: questions that have not left this machine yet.
            unsent_bytes: of all that nobody has confirmed to have received yet.
            now_ns: monotonic time.
        """
        # Alone, a question may be larger than the limit: there is nothing it could delay.
        if unsent >= MAX_UNSENT or (unsent and unsent_bytes + size_bytes > MAX_UNSENT_BYTES):
            return ErrorInfo("link.full", f"{unsent} questions, {unsent_bytes} bytes in all, have not left yet")
        if not self.bytes_per_day:
            return None
        if size_bytes > self.left_bytes(now_ns):
            return ErrorInfo("link.budget", f"the {self.bytes_per_day} bytes of 24 hours are spent")
        if size_bytes > self.reserved_bytes:
            return ErrorInfo("link.budget", "more has not been set aside on the disk yet")
        return None

    def reserve(self, size_bytes: int) -> None:
        """So much more is recorded as spent, and may be."""
        self.reserved_bytes += size_bytes

    def spend(self, size_bytes: int, now_ns: int) -> None:
        """A question of this size was sent."""
        hour = now_ns // HOUR_NS
        self._spent[hour] = self._spent.get(hour, 0) + size_bytes
        self.reserved_bytes = max(0, self.reserved_bytes - size_bytes)

    def left_bytes(self, now_ns: int) -> int:
        """What the last 24 hours leave of the limit; below 0 if more was spent than it allows by now."""
        return self.bytes_per_day - self.spent_bytes(now_ns)

    def spent_bytes(self, now_ns: int) -> int:
        """What the last 24 hours have taken, to the hour."""
        return sum(size_bytes for _, size_bytes in self.spent(now_ns))

    def spent(self, now_ns: int) -> list[tuple[int, int]]:
        """The same by hour of the monotonic clock: hour and bytes."""
        oldest = now_ns // HOUR_NS - _HOURS
        self._spent = {hour: size_bytes for hour, size_bytes in self._spent.items() if hour > oldest}
        return list(self._spent.items())
