"""ADWIN2: whether the mean of a stream has changed, by a window that grows until two parts of it differ. Pure.

The window is kept as an exponential histogram: at most five buckets of each size, a power of two, with their sum and
sum of squares. It is looked at every 32 values.

Reference: A. Bifet and R. Gavaldà, Learning from time-changing data with adaptive windowing, 2007.

>>> stream = Adwin(0.01)
>>> any(stream.add(value % 10 / 10) for value in range(500)), any(stream.add(0.9) for _ in range(100))
(False, True)
"""

import math
from collections.abc import Iterator
from typing import Final, NamedTuple, Self

__all__ = ["Adwin"]

_BUCKETS: Final = 5  # of a size
_EVERY: Final = 32  # values
_LEAST: Final = 5  # in a part that is compared


class _Bucket(NamedTuple):
    values: int
    total: float
    squares: float

    def with_(self, other: Self) -> "_Bucket":
        return _Bucket(self.values + other.values, self.total + other.total, self.squares + other.squares)


_NONE: Final = _Bucket(0, 0.0, 0.0)


class Adwin:
    """One stream.

    Args:
        delta: how often, at most, a change is seen that is none.
    """

    def __init__(self, delta: float) -> None:
        self._delta = delta
        self._rows: list[list[_Bucket]] = [[]]  # by size, the oldest first
        self._since = 0

    def copy(self) -> "Adwin":
        """Another that has seen the same."""
        other = Adwin(self._delta)
        other._rows, other._since = [list(row) for row in self._rows], self._since
        return other

    def add(self, value: float) -> bool:
        """See a value, about 0…1; whether the mean has changed. What came before the change is forgotten."""
        self._rows[0].append(_Bucket(1, value, value * value))
        for size, row in enumerate(self._rows):
            if len(row) <= _BUCKETS:
                break
            if size + 1 == len(self._rows):
                self._rows.append([])
            self._rows[size + 1].append(row[0].with_(row[1]))
            del row[:2]
        self._since += 1
        if self._since % _EVERY:
            return False
        changed = False
        while self._differs():
            changed = True
            next(row for row in reversed(self._rows) if row).pop(0)
        return changed

    def _differs(self) -> bool:
        whole = _NONE
        for bucket in self._buckets():
            whole = whole.with_(bucket)
        variance = max(whole.squares / whole.values - (whole.total / whole.values) ** 2, 0.0)
        odds = math.log(2 * math.log(max(whole.values, 3)) / self._delta)
        old = _NONE
        for bucket in self._buckets():
            old = old.with_(bucket)
            left = whole.values - old.values
            if old.values < _LEAST or left < _LEAST:
                continue
            inverse = 1 / old.values + 1 / left
            apart = abs(old.total / old.values - (whole.total - old.total) / left)
            if apart > math.sqrt(2 * inverse * variance * odds) + 2 / 3 * inverse * odds:
                return True
        return False

    def _buckets(self) -> Iterator[_Bucket]:
        """The oldest first."""
        for row in reversed(self._rows):
            yield from row
