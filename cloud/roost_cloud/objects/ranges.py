"""Which bytes of an object are meant: from our own arguments, or from an HTTP Range header (RFC 9110). Pure.

A range is a half-open pair `(start, stop)` within the object. Only a single byte range is understood; anything
else is ignored, as the RFC allows, and means the whole object.

>>> parse_range("bytes=2-5", 10), parse_range("bytes=8-", 10), parse_range("bytes=-3", 10)
((2, 6), (8, 10), (7, 10))
>>> parse_range("bytes=0-1,4-5", 10) is None
True
"""

import re
from typing import Final

from roost_cloud.objects.errors import UnsatisfiableRangeError

__all__ = ["clip_range", "parse_range"]

_SINGLE: Final = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})", re.IGNORECASE | re.ASCII)


def clip_range(offset: int, length_bytes: int | None, size_bytes: int) -> tuple[int, int]:
    """The bytes from `offset`, `length_bytes` of them or all the rest, as far as the object reaches.

    Raises:
        UnsatisfiableRangeError: it begins at or behind the end, other than at 0.
    """
    if offset and offset >= size_bytes:
        raise UnsatisfiableRangeError(size_bytes)
    return offset, size_bytes if length_bytes is None else min(offset + length_bytes, size_bytes)


def parse_range(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """What a Range header asks of an object of `size_bytes`; None is the whole of it.

    Raises:
        UnsatisfiableRangeError: the object has none of the bytes (answer 416).
    """
    found = _SINGLE.fullmatch(header.strip()) if header else None
    if found is None:
        return None
    first, last = found[1], found[2]
    if not first and not last:
        return None
    if not first:  # the last so many bytes
        start, stop = max(size_bytes - int(last), 0), size_bytes
    else:
        start, stop = int(first), min(int(last) + 1 if last else size_bytes, size_bytes)
        if last and int(last) < start:
            return None
    if start >= size_bytes:
        raise UnsatisfiableRangeError(size_bytes)
    return start, stop
