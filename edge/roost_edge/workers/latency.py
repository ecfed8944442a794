"""How long scores take: a histogram with logarithmic bins that forgets.

A quantile is off by one bin at most, 1/8 of an octave (9 %), always upwards, over a fixed range of memory and
time. When `_HALF_AT` scores have been counted all counts are halved, so that the last few thousand scores speak
and a morning's slow card does not for ever excuse a hang in the evening.

>>> took = LatencyHistogram()
>>> for ms in range(1, 101):
...     took.add(ms * 1_000_000)
>>> 99e6 <= took.quantile_ns(0.99) <= 99e6 * 2 ** (1 / 8)
True
"""

import math
from typing import Final

__all__ = ["LatencyHistogram"]

_LOWEST_NS: Final = 10_000  # everything below 10 µs is one bin
_BINS_PER_OCTAVE: Final = 8
_BINS: Final = 24 * _BINS_PER_OCTAVE  # up to 10 µs × 2²⁴ = 168 s; what is longer counts there
_HALF_AT: Final = 4096  # scores


class LatencyHistogram:
    """Counts of durations, in nanoseconds; the recent ones weigh most."""

    __slots__ = ("_counts", "_total")

    def __init__(self) -> None:
        self._counts = [0] * (_BINS + 1)
        self._total = 0

    def add(self, took_ns: int) -> None:
        """Count one duration."""
        octaves = math.log2(max(took_ns, _LOWEST_NS) / _LOWEST_NS)
        self._counts[min(_BINS, math.ceil(octaves * _BINS_PER_OCTAVE))] += 1
        self._total += 1
        if self._total >= _HALF_AT:
            self._counts = [count // 2 for count in self._counts]
            self._total = sum(self._counts)

    def quantile_ns(self, share: float) -> int | None:
        """The duration that `share` (0…1) of the counted ones do not exceed; None if none was counted."""
        rank = max(1, math.ceil(share * self._total))
        seen = 0
        for position, count in enumerate(self._counts):
            seen += count
            if seen >= rank:
                return round(_LOWEST_NS * math.exp2(position / _BINS_PER_OCTAVE))
        return None
