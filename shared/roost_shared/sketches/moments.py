"""Count, mean and mean of squares of a feature vector φ. Pure.

Sums are kept in double precision and travel as means in single precision, little-endian: 84 bytes at most for eight
statistics. Merging is exact but for rounding.

>>> moments = Moments(kind=1, source=0, size=2)
>>> for values in ((1.0, 10.0), (3.0, 10.0)):
...     moments.update(values)
>>> moments.count, moments.means, moments.mean_squares
(2, [2.0, 10.0], [5.0, 100.0])
"""

import math
import struct
from collections.abc import Sequence
from operator import add
from typing import Final, Self

from roost_shared.sketches.errors import SketchError, UnlikeSketchesError, UnmeasurableError
from roost_shared.sketches.varints import read_count, write_counts

__all__ = ["LARGEST_VALUE", "MAX_STATISTICS", "Moments"]

_TAG: Final = 0x11
_HEAD: Final = struct.Struct("<BBBI")  # tag, kind, size, source
_COUNT_BYTES: Final = 9
_LARGEST_COUNT: Final = 2**62
MAX_STATISTICS: Final = 16
LARGEST_VALUE: Final = 1e15  # of a statistic: its square fits single precision
_ROUNDING: Final = 1e-5  # by which single precision may leave a mean of squares below the square of the mean


class Moments:
    """Of one kind of φ.

    Args:
        kind: which φ, 0…255.
        source: of what, 32 bits: only means of the same kind and source can be compared.
        size: how many statistics it has.

    Attributes:
        count: vectors seen.
    """

    __slots__ = ("_squares", "_sums", "count", "kind", "size", "source")

    def __init__(self, kind: int, source: int, size: int) -> None:
        self.kind = kind
        self.source = source
        self.size = size
        self.count = 0
        self._sums = [0.0] * size
        self._squares = [0.0] * size

    @classmethod
    def size_limit_bytes(cls, size: int = MAX_STATISTICS) -> int:
        """No such sketch of `size` statistics takes more on the wire."""
        return _HEAD.size + _COUNT_BYTES + 8 * size

    @property
    def means(self) -> list[float]:
        """Of each statistic; 0 where nothing was seen."""
        return [one / (self.count or 1) for one in self._sums]

    @property
    def mean_squares(self) -> list[float]:
        """Mean of the squares of each statistic; 0 where nothing was seen."""
        return [one / (self.count or 1) for one in self._squares]

    def update(self, values: Sequence[float]) -> None:
        """See a vector.

        Raises:
            UnmeasurableError: it has another size, or a value that is not finite or beyond `LARGEST_VALUE`.
        """
        if len(values) != self.size or not all(-LARGEST_VALUE <= value <= LARGEST_VALUE for value in values):
            raise UnmeasurableError(f"φ is {list(values)}: {self.size} finite values are wanted")
        self.count += 1
        self._sums = list(map(add, self._sums, values))
        self._squares = [so_far + value * value for so_far, value in zip(self._squares, values, strict=True)]

    def merge(self, other: Self) -> Self:
        """A new sketch of what both have seen.

        Raises:
            UnlikeSketchesError: they are of different φ.
        """
        mine, its = ((one.kind, one.source, one.size) for one in (self, other))
        if mine != its:
            raise UnlikeSketchesError(f"φ of kind, source and size {mine} and {its} cannot be compared")
        merged = type(self)(*mine)
        merged.count = self.count + other.count
        merged._sums = list(map(add, self._sums, other._sums))  # noqa: SLF001 - our own
        merged._squares = list(map(add, self._squares, other._squares))  # noqa: SLF001 - our own
        return merged

    def to_bytes(self) -> bytes:
        """For the wire."""
        head = _HEAD.pack(_TAG, self.kind, self.size, self.source) + write_counts([min(self.count, _LARGEST_COUNT)])
        return head + struct.pack(f"<{2 * self.size}f", *self.means, *self.mean_squares)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What `to_bytes` wrote.

        Raises:
            SketchError: `data` is not that.
        """
        if len(data) <= _HEAD.size or data[0] != _TAG or not 1 <= data[2] <= MAX_STATISTICS:
            raise SketchError(f"{len(data)} bytes are no {cls.__name__} of a version that we read")
        _, kind, size, source = _HEAD.unpack_from(data)
        sketch = cls(kind, source, size)
        sketch.count, start = read_count(data, _HEAD.size, at_most=_LARGEST_COUNT)
        if len(data) != start + 8 * sketch.size:
            raise SketchError(f"{cls.__name__}: {len(data)} bytes for {sketch.size} statistics")
        values = struct.unpack_from(f"<{2 * sketch.size}f", data, start)
        means, squares = values[: sketch.size], values[sketch.size :]
        if not all(map(_is_possible, means, squares)) or (not sketch.count and any(values)):
            raise SketchError(f"{cls.__name__}: no vectors have these means {list(means)} and squares {list(squares)}")
        sketch._sums = [mean * sketch.count for mean in means]
        sketch._squares = [square * sketch.count for square in squares]
        return sketch

    def __repr__(self) -> str:
        """For people who debug."""
        return f"<Moments of kind {self.kind}: {self.count} with means {self.means}>"


def _is_possible(mean: float, square: float) -> bool:
    """Whether numbers can have this mean and this mean of squares."""
    at_most = LARGEST_VALUE * (1 + _ROUNDING)
    if not (abs(mean) <= at_most and 0 <= square <= at_most**2):
        return False
    return square >= mean * mean * (1 - _ROUNDING) or math.isclose(square, mean * mean, abs_tol=1e-30)
