"""Trying again what may work next time, ever less often, and when the other side asks us to."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from roost_cloud.client import ApiUnreachableError, RemoteError
from roost_shared.backoff import Backoff
from roost_shared.chance import CHANCE
from roost_shared.clock import SECOND
from roost_shared.errors import TransportError

__all__ = ["Patience", "retry_wait_s"]

_BUSY: Final = frozenset({408, 429, 500, 502, 503, 504})  # not 507: a full disk seldom empties in a minute
_LONGEST_WAIT_S: Final = 60.0  # that we let the other side ask for

_Value = TypeVar("_Value")


def retry_wait_s(error: TransportError, backoff_s: float) -> float | None:
    """How long to wait before trying again; None if that cannot help. Pure.

    >>> retry_wait_s(RemoteError(503, "database.unavailable", "restarting", retry_after_s=2.0), 0.1)
    2.0
    >>> retry_wait_s(RemoteError(404, "not_found", "there is no blob"), 0.1) is None
    True
    """
    if isinstance(error, ApiUnreachableError):
        return backoff_s
    if isinstance(error, RemoteError) and error.status in _BUSY:
        return min(max(error.retry_after_s or 0.0, backoff_s), _LONGEST_WAIT_S)
    return None


class Patience:
    """Repeats an action until it works, cannot, or was tried often enough.

    Args:
        attempts: at most, at least 1.
        first_s: ceiling of the first wait, in seconds; it doubles with each failure.
        limit_s: ceiling no wait of ours exceeds, in seconds.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        *,
        attempts: int = 8,
        first_s: float = 0.25,
        limit_s: float = 10.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._attempts = attempts
        self._first_ns = round(first_s * SECOND)
        self._limit_ns = round(limit_s * SECOND)
        self._sleep = sleep

    def __call__(self, action: Callable[[], _Value]) -> _Value:
        """What `action` gives. It must do no harm if it happens twice.

        Raises:
            TransportError: the last it failed with.
        """
        backoff = Backoff(self._first_ns, self._limit_ns)
        for left in range(self._attempts - 1, -1, -1):
            try:
                return action()
            except (ApiUnreachableError, RemoteError) as error:
                wait_s = retry_wait_s(error, backoff.next_ns(CHANCE.random()) / SECOND)
                if wait_s is None or not left:
                    raise
            self._sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")
