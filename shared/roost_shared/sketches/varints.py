"""Counts as bytes: unsigned LEB128, seven bits a byte, the lowest first. Pure.

>>> write_counts([3, 0, 300]).hex()
'0300ac02'
>>> read_counts(bytes.fromhex("0300ac02"), at_most=300)
[3, 0, 300]
"""

from collections.abc import Iterable

from roost_shared.sketches.errors import SketchError

__all__ = ["read_count", "read_counts", "write_counts"]

_LOW: int = 0x7F
_MORE: int = 0x80


def write_counts(counts: Iterable[int]) -> bytes:
    """The bytes of counts, one after another."""
    data = bytearray()
    for count in counts:
        left = count
        while left > _LOW:
            data.append(left & _LOW | _MORE)
            left >>= 7
        data.append(left)
    return bytes(data)


def read_count(data: bytes, start: int, *, at_most: int) -> tuple[int, int]:
    """The count that begins at `start`, and where the next one does.

    Raises:
        SketchError: it is cut off, larger than `at_most`, or written longer than it need be.
    """
    count = shift = 0
    for place in range(start, len(data)):
        byte = data[place]
        count |= (byte & _LOW) << shift
        if count > at_most:
            raise SketchError(f"a count at byte {start} is larger than {at_most}")
        if byte < _MORE:
            if not byte and shift:
                raise SketchError(f"a count at byte {start} is written longer than it need be")
            return count, place + 1
        shift += 7
    raise SketchError(f"a count at byte {start} is cut off")


def read_counts(data: bytes, start: int = 0, *, at_most: int) -> list[int]:
    """All counts from `start` to the end; raises as `read_count`."""
    if at_most >= _LOW and data[start:].isascii():
        return list(data[start:])  # a byte each, as most are: ten times faster
    counts = []
    while start < len(data):
        count, start = read_count(data, start, at_most=at_most)
        counts.append(count)
    return counts
