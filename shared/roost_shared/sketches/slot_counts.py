"""A fixed number of counts: what the sketches that count share. Pure.

A count stops at `LARGEST` and so has a bound on the wire; a sum that stops there is still the same in any order.
"""

from operator import add
from typing import ClassVar, Final, Self

from roost_shared.sketches.errors import SketchError, UnlikeSketchesError
from roost_shared.sketches.varints import read_counts, write_counts

__all__ = ["LARGEST", "SlotCounts"]

LARGEST: Final = 2**32 - 1  # of a count
_COUNT_BYTES: Final = 5  # of the largest


class SlotCounts:
    """Counts by slot; a subclass says what falls into which.

    Attributes:
        counts: one for each slot.
    """

    TAG: ClassVar[int]  # the first byte of its encoding; another for every change of the encoding
    SLOTS: ClassVar[int]
    HEAD_BYTES: ClassVar[int] = 1  # before the counts

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts = [0] * self.SLOTS

    @classmethod
    def size_limit_bytes(cls) -> int:
        """No such sketch takes more on the wire."""
        return cls.HEAD_BYTES + _COUNT_BYTES * cls.SLOTS

    @property
    def total(self) -> int:
        """All that was counted."""
        return sum(self.counts)

    def count(self, slot: int) -> None:
        """Count one into a slot."""
        if self.counts[slot] < LARGEST:
            self.counts[slot] += 1

    def merge(self, other: Self) -> Self:
        """A new sketch of what both have counted.

        Raises:
            UnlikeSketchesError: they count different things.
        """
        if self._head() != other._head():
            raise UnlikeSketchesError(f"two {type(self).__name__} count different things")
        merged = self._like()
        merged.counts = list(map(add, self.counts, other.counts))
        if max(merged.counts) > LARGEST:
            merged.counts = [min(count, LARGEST) for count in merged.counts]
        return merged

    def to_bytes(self) -> bytes:
        """For the wire: the head, then the counts up to the last that is not 0."""
        used = self.SLOTS
        while used and not self.counts[used - 1]:
            used -= 1
        return self._head() + write_counts(self.counts[:used])

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What `to_bytes` wrote.

        Raises:
            SketchError: `data` is not that.
        """
        if len(data) < cls.HEAD_BYTES or data[0] != cls.TAG:
            raise SketchError(f"{len(data)} bytes are no {cls.__name__} of a version that we read")
        counts = read_counts(data, cls.HEAD_BYTES, at_most=LARGEST)
        if len(counts) > cls.SLOTS or (counts and not counts[-1]):
            raise SketchError(f"{cls.__name__}: {len(counts)} counts, of {cls.SLOTS} at most, the last not 0")
        sketch = cls._from_head(data[: cls.HEAD_BYTES])
        sketch.counts[: len(counts)] = counts
        return sketch

    def _head(self) -> bytes:
        return bytes((self.TAG,))

    def _like(self) -> Self:
        """An empty sketch of the same things."""
        return self._from_head(self._head())

    @classmethod
    def _from_head(cls, _head: bytes) -> Self:
        return cls()

    def __eq__(self, other: object) -> bool:
        """Whether both have counted the same of the same."""
        if not isinstance(other, SlotCounts):
            return NotImplemented
        return self._head() == other._head() and self.counts == other.counts

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        """For people who debug."""
        return f"<{type(self).__name__} {self.counts}>"
