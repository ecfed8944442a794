"""How long the device has been running with this spool, in seconds, over all restarts.

Wall clocks jump by years, so ages are counted in this: it goes on while the process runs, and stands still while it
does not. An input that lay in a device that was off has not aged.

>>> time = RunningTime(100.0)
>>> time.at(5_000_000_000)
100.0
>>> time.at(7_500_000_000)
102.5
"""

from roost_shared.clock import SECOND

__all__ = ["RunningTime"]


class RunningTime:
    """The count.

    Args:
        seconds: where it stood at the last restart.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since_ns: int | None = None

    def at(self, now_ns: int) -> float:
        """The count at a moment of the monotonic clock; a clock that goes back stands still."""
        if self._since_ns is not None:
            self._seconds += max(0, now_ns - self._since_ns) / SECOND
        self._since_ns = now_ns if self._since_ns is None else max(now_ns, self._since_ns)
        return self._seconds
