"""Confidence and latency in logarithmic bins. Pure.

Bins merge exactly, and values that tie do them no harm, as they do to quantile sketches: a softmax in 8 bits has a few
dozen values.

- Confidence: bins of equal width in log-odds, so that 0.99 and 0.999 are told apart as 0.5 and 0.9 are.
- Latency: two bins an octave, from 0.1 ms to 105 s.

>>> histogram = ConfidenceHistogram()
>>> for confidence in (0.97, 0.99, 0.999):
...     histogram.update(confidence)
>>> histogram.total, round(histogram.quantile(0.5), 3)
(3, 0.991)
"""

import math
from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import ClassVar, Final

from roost_shared.sketches.slot_counts import SlotCounts

__all__ = ["ConfidenceHistogram", "LatencyHistogram"]

_STEPS: Final = 12  # of half a unit of log-odds, to each side of 0.5
# Rounded, so that no machine's own mathematics moves an edge.
_CONFIDENCE_EDGES: Final = tuple(round(1 / (1 + math.exp(-step / 2)), 9) for step in range(-_STEPS, _STEPS + 1))
_LATENCY_EDGES_MS: Final = tuple(round(0.1 * 2 ** (step / 2), 9) for step in range(41))


class _Histogram(SlotCounts):
    """Counts between edges; a value on an edge counts above it."""

    EDGES: ClassVar[tuple[float, ...]]
    LEAST: ClassVar[float]  # a value can have
    MOST: ClassVar[float]  # stands for the upper end of the last bin

    __slots__ = ()

    def update(self, value: float) -> None:
        """Count a value; one that is not a number counts nowhere."""
        if value == value:  # noqa: PLR0124 - not so of NaN
            self.count(bisect_right(self.EDGES, value))

    def quantile(self, share: float) -> float | None:
        """The middle of the bin that holds this share's quantile; None if nothing was counted."""
        if not self.total:
            return None
        slot = bisect_left(list(accumulate(self.counts)), max(1, math.ceil(share * self.total)))
        lower = self.EDGES[slot - 1] if slot else self.LEAST
        upper = self.EDGES[slot] if slot < len(self.EDGES) else self.MOST
        return (lower + upper) / 2


class ConfidenceHistogram(_Histogram):
    """How sure a contestant was, 0…1."""

    TAG = 0x21
    SLOTS = len(_CONFIDENCE_EDGES) + 1
    EDGES = _CONFIDENCE_EDGES
    LEAST = 0.0
    MOST = 1.0

    __slots__ = ()


class LatencyHistogram(_Histogram):
    """How long scores or answers took, in milliseconds."""

    TAG = 0x22
    SLOTS = len(_LATENCY_EDGES_MS) + 1
    EDGES = _LATENCY_EDGES_MS
    LEAST = 0.0
    MOST = 2 * _LATENCY_EDGES_MS[-1]

    __slots__ = ()
