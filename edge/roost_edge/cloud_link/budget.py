"""How much may be sent to cloud contestants: little at a time, and no more than so much in a day. Pure.

What waits unsent on a slow link delays all that comes behind it, and comes too late itself: beyond a few questions a
contestant declines, which the rules can deal with at once. A day is the last 24 hours on the monotonic clock, counted
by the hour: a wall clock may be wrong by years.

>>> budget = Budget(bytes_per_day=1_000_000)
>>> budget.refusal(400_000, unsent=1, unsent_bytes=400_000, now_ns=0) is None
True
>>> budget.refusal(400_000, unsent=2, unsent_bytes=800_000, now_ns=0).code
'link.full'
>>> budget.spend(900_000, now_ns=0)
>>> budget.refusal(400_000, unsent=0, unsent_bytes=0, now_ns=0).code
'link.budget'
"""

from collections import deque
from typing import Final

from roost_shared.clock import SECOND
from roost_shared.messages import ErrorInfo

__all__ = ["Budget"]

MAX_UNSENT: Final = 4  # questions
MAX_UNSENT_BYTES: Final = 1_000_000
_HOUR_NS: Final = 3600 * SECOND
_HOURS: Final = 24


class Budget:
    """The limits of one link.

    Args:
        bytes_per_day: that questions may take; 0 for no limit.
    """

    def __init__(self, bytes_per_day: int = 0) -> None:
        self._bytes_per_day = bytes_per_day
        self._spent: deque[tuple[int, int]] = deque()  # hour, bytes

    def refusal(self, size_bytes: int, *, unsent: int, unsent_bytes: int, now_ns: int) -> ErrorInfo | None:
        """Why a question may not be sent now; None if it may.

        Args:
            size_bytes: its size.
            unsent: questions that have not left this machine yet.
            unsent_bytes: of all that has not left this machine yet.
            now_ns: monotonic time.
        """
        # Alone, a question may be larger than the limit: there is nothing it could delay.
        if unsent >= MAX_UNSENT or (unsent and unsent_bytes + size_bytes > MAX_UNSENT_BYTES):
            return ErrorInfo("link.full", f"{unsent} questions of {unsent_bytes} bytes have not left yet")
        if self._bytes_per_day and self.spent_bytes(now_ns) + size_bytes > self._bytes_per_day:
            return ErrorInfo("link.budget", f"the {self._bytes_per_day} bytes of 24 hours are spent")
        return None

    def spend(self, size_bytes: int, now_ns: int) -> None:
        """A question of this size was sent."""
        hour = now_ns // _HOUR_NS
        if self._spent and self._spent[-1][0] == hour:
            size_bytes += self._spent.pop()[1]
        self._spent.append((hour, size_bytes))

    def spent_bytes(self, now_ns: int) -> int:
        """What the last 24 hours have taken, to the hour."""
        while self._spent and self._spent[0][0] <= now_ns // _HOUR_NS - _HOURS:
            self._spent.popleft()
        return sum(size_bytes for _, size_bytes in self._spent)
