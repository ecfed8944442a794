"""How an object is cut into parts for a multipart upload. Pure: both stores and the registry plan alike.

Every part has `PART_BYTES` but the last, which has the rest. S3 allows 10,000 parts of at least 5 MiB. Parts
are what a device sends again after a cut, so they are small; 8 MiB × 10,000 is still more than any bundle or shard.

>>> [(part.number, part.offset, part.size_bytes) for part in plan_parts(PART_BYTES + 5)]
[(1, 0, 8388608), (2, 8388608, 5)]
>>> plan_parts(0)  # an empty object too comes as one part
[Part(number=1, offset=0, size_bytes=0)]
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from roost_cloud.objects.errors import BadPartError, TooLargeError

__all__ = [
    "MAX_OBJECT_BYTES",
    "MAX_PARTS",
    "PART_BYTES",
    "Part",
    "StoredPart",
    "missing_parts",
    "part_of",
    "plan_parts",
]

PART_BYTES: Final = 8 << 20  # bytes; S3 takes no less than 5 MiB
MAX_PARTS: Final = 10_000  # S3 takes no more
MAX_OBJECT_BYTES: Final = PART_BYTES * MAX_PARTS


class Part(NamedTuple):
    """A planned part: bytes `offset` to `offset + size_bytes` of the object. Numbers count from 1."""

    number: int
    offset: int
    size_bytes: int


class StoredPart(NamedTuple):
    """A part that arrived."""

    number: int
    size_bytes: int


def plan_parts(size_bytes: int) -> list[Part]:
    """All parts of an object of `size_bytes`, ascending; at least one.

    Raises:
        TooLargeError: it would need more than `MAX_PARTS`.
    """
    return [_part(size_bytes, number) for number in range(1, count_parts(size_bytes) + 1)]


def part_of(size_bytes: int, number: int) -> Part:
    """The planned part of that number.

    Raises:
        BadPartError: an object of `size_bytes` has no such part.
        TooLargeError: as `plan_parts`.
    """
    count = count_parts(size_bytes)
    if not 1 <= number <= count:
        raise BadPartError(f"an upload of {size_bytes} bytes has parts 1 to {count}, and no {number}")
    return _part(size_bytes, number)


def count_parts(size_bytes: int) -> int:
    """How many parts an object of `size_bytes` has.

    Raises:
        TooLargeError: more than `MAX_PARTS`.
    """
    if size_bytes > MAX_OBJECT_BYTES:
        raise TooLargeError(f"an object of {size_bytes} bytes; at most {MAX_OBJECT_BYTES}")
    return max(-(-size_bytes // PART_BYTES), 1)


def missing_parts(size_bytes: int, stored: Iterable[StoredPart]) -> list[int]:
    """The numbers of planned parts that did not arrive, or not with their planned size; ascending."""
    arrived = {part.number: part.size_bytes for part in stored}
    return [part.number for part in plan_parts(size_bytes) if arrived.get(part.number) != part.size_bytes]


def _part(size_bytes: int, number: int) -> Part:
    offset = (number - 1) * PART_BYTES
    return Part(number, offset, min(PART_BYTES, size_bytes - offset))
