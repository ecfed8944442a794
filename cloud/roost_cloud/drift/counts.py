"""Whether a window's counts are like the device's own commissioning windows'. Pure.

The distance is chi-square's by its degrees of freedom, against the sum of the device's commissioning windows. Counts
differ from hour to hour by more than chance: what a morning shows is not what an evening shows. So, as for φ, the
measure is what windows of a device differed by when it was commissioned: U is the distance by the device's own mean
distance, drawn towards what is usual, and the threshold is by leaving each window out.

>>> random = np.random.default_rng(1)
>>> devices = [random.multinomial(200, [0.5, 0.3, 0.2], 12) for _ in range(20)]
>>> test = CountsTest.fit(devices)
>>> baseline = test.baseline(devices[7])
>>> [test.distance(baseline, np.array(window)) > test.threshold(0.01) for window in ([100, 60, 40], [20, 20, 160])]
[False, True]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from roost_cloud.drift.chi_square import per_degree
from roost_cloud.drift.errors import BaselineShortError
from roost_cloud.drift.test import MIN_WINDOWS, threshold_of

__all__ = ["CountsBaseline", "CountsTest"]

_DRAWN: Final = 2  # windows that what is usual counts for in a device's own mean
_LEAST: Final = 1e-9  # of a mean distance, where all windows are the same


@dataclass(frozen=True)
class CountsBaseline:
    """A device as it was when commissioned.

    Attributes:
        counts: of all its windows together, (slots,).
        windows: how many.
        scale: how far apart its windows were.
    """

    counts: NDArray[Any]
    windows: int
    scale: float


@dataclass(frozen=True)
class CountsTest:
    """The measure that all devices of a task share.

    Attributes:
        usual: the mean distance of a window from the others of its device; of devices, the one in the middle.
        left_out: U of each commissioning window as if it were new, by device, in the order given.
    """

    usual: float
    left_out: tuple[NDArray[np.float64], ...]

    @classmethod
    def fit(cls, devices: Sequence[NDArray[Any]]) -> Self:
        """Learn from commissioning windows.

        Args:
            devices: for each device the counts of its windows, (K, slots).

        Raises:
            BaselineShortError: one has fewer than `MIN_WINDOWS`: leave it out, or wait.
        """
        shortest = min((len(windows) for windows in devices), default=0)
        if shortest < MIN_WINDOWS:
            raise BaselineShortError(shortest, MIN_WINDOWS)
        distances = [_left_out(windows) for windows in devices]
        usual = max(float(np.median([found.mean() for found in distances])), _LEAST)
        left_out = []
        for found in distances:
            others = (_DRAWN * usual + found.sum() - found) / (_DRAWN + len(found) - 1)
            left_out.append(found / others)
        return cls(usual, tuple(left_out))

    def baseline(self, windows: NDArray[Any]) -> CountsBaseline:
        """Of a device, whether or not it is among those learnt from.

        Args:
            windows: counts of its commissioning windows, (K, slots).

        Raises:
            BaselineShortError: they are fewer than `MIN_WINDOWS`.
        """
        if len(windows) < MIN_WINDOWS:
            raise BaselineShortError(len(windows), MIN_WINDOWS)
        scale = (_DRAWN * self.usual + _left_out(windows).sum()) / (_DRAWN + len(windows))
        return CountsBaseline(windows.sum(axis=0), len(windows), float(scale))

    def distance(self, baseline: CountsBaseline, window: NDArray[Any]) -> float:
        """U of a window's counts, (slots,)."""
        return per_degree(baseline.counts, window) / baseline.scale

    def threshold(self, alpha: float) -> float:
        """The U that a window like those learnt from exceeds with probability `alpha`; see `test.threshold_of`."""
        return threshold_of(np.concatenate(self.left_out), alpha)


def _left_out(windows: NDArray[Any]) -> NDArray[np.float64]:
    """How far each window of a device is from its others."""
    total = windows.sum(axis=0)
    return np.array([per_degree(total - window, window) for window in windows])
