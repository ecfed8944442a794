"""How long a question takes to come back as a score, learned from those that did, the recent ones weighing most.

Logarithmic bins, 8 to an octave, so that a quantile is off by 9 % at most, always upwards. A round trip's weight
halves with every `_HALF_AFTER` later ones and with every `_HALF_AFTER_NS` of time: a link that got slow is known to be
so after a few dozen questions, and a slow morning is forgotten by noon. What nobody added to for `_STALE_NS` is not
known any more: a link once found too slow to ask would never be asked again, and never be found quick.

>>> trips = RoundTrips()
>>> trips.p95_ns is None
True
>>> for ms in [10] * 90 + [40] * 10:
...     trips.note(ms * 1_000_000, now_ns=0)
>>> 10e6 <= trips.p50_ns <= 11e6, 40e6 <= trips.p95_ns <= 44e6
(True, True)
"""

import math
from typing import Final

from roost_shared.clock import SECOND

__all__ = ["RoundTrips"]

_LOWEST_NS: Final = 100_000  # everything below 0.1 ms is one bin
_BINS_PER_OCTAVE: Final = 8
_BINS: Final = 20 * _BINS_PER_OCTAVE  # up to 0.1 ms × 2²⁰ = 105 s; what is longer counts there
_HALF_AFTER: Final = 64  # round trips
_HALF_AFTER_NS: Final = 300 * SECOND
_STALE_NS: Final = 300 * SECOND
_LARGEST: Final = 2.0**200  # of a weight; then all are scaled down


class RoundTrips:
    """Weighted counts of round trips. New ones weigh more instead of old ones less, which comes to the same."""

    __slots__ = ("_counts", "_noted_ns", "_total", "_weight", "count")

    def __init__(self) -> None:
        self.count: int  # noted since they were last forgotten
        self._noted_ns: int | None  # when the last one was
        self._forget()

    def _forget(self) -> None:
        self.count = 0
        self._counts = [0.0] * (_BINS + 1)
        self._total = 0.0
        self._weight = 1.0  # of the next one
        self._noted_ns = None

    def note(self, took_ns: int, now_ns: int) -> None:
        """Count a round trip that has ended.

        Args:
            took_ns: its length.
            now_ns: monotonic time.
        """
        noted_ns, self._noted_ns = self._noted_ns, now_ns
        halvings = 1 / _HALF_AFTER + (0 if noted_ns is None else (now_ns - noted_ns) / _HALF_AFTER_NS)
        self._weight *= 2.0 ** min(halvings, 100.0)
        octaves = math.log2(max(took_ns, _LOWEST_NS) / _LOWEST_NS)
        self._counts[min(_BINS, math.ceil(octaves * _BINS_PER_OCTAVE))] += self._weight
        self._total += self._weight
        self.count += 1
        if self._weight > _LARGEST:
            self._counts = [count / self._weight for count in self._counts]
            self._total = sum(self._counts)
            self._weight = 1.0

    def forget_stale(self, now_ns: int) -> None:
        """Know nothing any more if the last one is too long ago."""
        if self._noted_ns is not None and now_ns - self._noted_ns >= _STALE_NS:
            self._forget()

    @property
    def p50_ns(self) -> int | None:
        """Half of them take no longer; None if there was none."""
        return self._quantile_ns(0.5)

    @property
    def p95_ns(self) -> int | None:
        """95 % of them take no longer; None if there was none."""
        return self._quantile_ns(0.95)

    def _quantile_ns(self, share: float) -> int | None:
        if not self.count:
            return None
        left = share * self._total
        for position, count in enumerate(self._counts):
            left -= count
            if left <= 0:
                return _upper_ns(position)
        return _upper_ns(max(position for position, count in enumerate(self._counts) if count))


def _upper_ns(position: int) -> int:
    return round(_LOWEST_NS * math.exp2(position / _BINS_PER_OCTAVE))
