"""When to tell a hook again that did not accept, and when to give up. Pure.

>>> from datetime import UTC
>>> begun = datetime(2026, 11, 24, tzinfo=UTC)
>>> [next_try(attempts, begun, begun, 1.0).isoformat()[11:19] for attempts in (1, 2, 3)]
['00:00:10', '00:00:20', '00:00:40']
>>> next_try(99, begun, begun + timedelta(days=3), 1.0) is None
True
"""

from datetime import datetime, timedelta
from typing import Final

from roost_shared.backoff import Backoff
from roost_shared.clock import SECOND

__all__ = ["GIVE_UP_AFTER", "next_try"]

GIVE_UP_AFTER: Final = timedelta(days=3)
_FIRST_NS: Final = 10 * SECOND
_LONGEST_NS: Final = 3600 * SECOND
_DOUBLINGS: Final = 12  # more change nothing


def next_try(attempts: int, begun_at: datetime, now: datetime, draw: float) -> datetime | None:
    """When to try again after so many attempts, the last just now; None: it has been tried for long enough.

    Args:
        attempts: that failed, 1 at least.
        begun_at: when the first could be made.
        now: when the last was made.
        draw: randomness, 0…1: hooks of one receiver that comes back shall not all knock at once.
    """
    if now - begun_at >= GIVE_UP_AFTER:
        return None
    backoff = Backoff(_FIRST_NS, _LONGEST_NS)
    wait_ns = 0
    for _ in range(min(attempts, _DOUBLINGS)):
        wait_ns = backoff.next_ns(0.5 + draw / 2)
    return now + timedelta(microseconds=wait_ns / 1000)
