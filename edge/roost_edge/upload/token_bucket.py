"""How fast to send: a token bucket, kept as the moment at which all that was sent will have been paid for. Pure.

Over any ten seconds it lets pass at most 5 % more than its rate, and no less than 5 % below if somebody always waits:
unused time is good for a quarter of a second of sending, which also makes up for waking late.

>>> bucket = TokenBucket(1000)
>>> bucket.chunk_bytes
100
>>> [bucket.take(100, now_ns) // 1_000_000 for now_ns in (0, 0, 0, 0, 0)]  # in milliseconds
[0, 0, 0, 50, 150]
"""

from typing import Final

from roost_shared.clock import MS, SECOND

__all__ = ["TokenBucket"]

_BURST_NS: Final = 250 * MS
_CHUNK_S: Final = 0.1  # with the burst, 3.5 % of ten seconds
_MAX_CHUNK_BYTES: Final = 256 << 10


class TokenBucket:
    """Bytes at a rate.

    Args:
        rate_bytes_per_s: above 0; None for as many as the link takes.

    Attributes:
        chunk_bytes: the most to take at a time, and worth taking.

    Raises:
        ValueError: the rate is not above 0.
    """

    def __init__(self, rate_bytes_per_s: float | None) -> None:
        if rate_bytes_per_s is not None and rate_bytes_per_s <= 0:
            raise ValueError(f"a rate of {rate_bytes_per_s} bytes a second sends nothing")
        self._rate = rate_bytes_per_s
        self._paid_at_ns: int | None = None
        self.chunk_bytes = _MAX_CHUNK_BYTES
        if rate_bytes_per_s is not None:
            self.chunk_bytes = min(max(int(rate_bytes_per_s * _CHUNK_S), 1), _MAX_CHUNK_BYTES)

    def take(self, size_bytes: int, now_ns: int) -> int:
        """Take some bytes, at most `chunk_bytes`, and learn how long to wait before sending them, in nanoseconds."""
        return self._pay(size_bytes, now_ns)

    def spend(self, size_bytes: int, now_ns: int) -> None:
        """Send some bytes, however many, without waiting: whoever takes next waits for them too."""
        self._pay(size_bytes, now_ns)

    def _pay(self, size_bytes: int, now_ns: int) -> int:
        if self._rate is None:
            return 0
        earliest_ns = now_ns - _BURST_NS
        begin_ns = earliest_ns if self._paid_at_ns is None else max(self._paid_at_ns, earliest_ns)
        self._paid_at_ns = begin_ns + -int(-size_bytes * SECOND // self._rate)
        return max(begin_ns - now_ns, 0)
