"""Whether a window of a device's φ is like the device's own commissioning windows. Pure.

With x a window's mean φ, x̄_d the mean of device d's K commissioning windows, p statistics, G devices:

- S = Σ_g Σ_k (x_gk − x̄_g)(x_gk − x̄_g)ᵀ / Σ_g (K_g − 1): the scatter between windows, pooled over devices. It holds
  both what differs from hour to hour and what comes of a window's finite number of inputs; so windows of about the
  same number of inputs are compared.
- T² = (x − x̄_d)ᵀ S⁻¹ (x − x̄_d) / (1 + 1/K): Hotelling's.
- s_d = (2p + Σ_k r_kᵀ S⁻¹ r_k) / (2p + p(K − 1)), r_k = x_dk − x̄_d: how much more, or less, than others a device
  scatters, drawn towards 1. U = T² / s_d.
- The threshold is by leaving out: each commissioning window is judged as if it were new, with the baseline of its
  device's other windows (so K − 1 for K) and S of the other devices; of a lone device, S of its other windows. τ is
  the ⌈(1 − α)(N + 1)⌉-th smallest U of these N. One from the F distribution gave 3–5 % false alarms at 1 %.

A device whose commissioning windows scatter thirty times as much as is usual, as those of a broken sensor do, is left
out of S: it would hide what becomes of all others. It is judged like any other, by its own scale.

Reference: H. Hotelling, Multivariate quality control, 1947.

>>> random = np.random.default_rng(1)
>>> devices = [random.normal(place, 1, (12, 2)) for place in range(20)]
>>> test = DriftTest.fit(devices)
>>> baseline = test.baseline(devices[7])
>>> [bool(test.distance(baseline, np.array(x)) > test.threshold(0.01)) for x in ([7.5, 6.6], [7.0, 12.0])]
[False, True]
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from roost_cloud.drift.errors import BaselineShortError, ReferenceSmallError
from roost_cloud.drift.scatter import Scatter

__all__ = ["MIN_WINDOWS", "Baseline", "DriftTest", "threshold_of"]

Floats = NDArray[np.float64]

MIN_WINDOWS: Final = 10  # that a device's baseline takes; with 3, false alarms were 7 % at 1 %
_FREEDOM: Final = 2  # times p, that S takes when a window is left out
_UNLIKE: Final = 30.0  # times the usual variance of a statistic, at which a device is left out of S


@dataclass(frozen=True)
class Baseline:
    """A device as it was when commissioned.

    Attributes:
        mean: of its windows, (p,).
        windows: how many.
        scale: how much more than others it scatters, s_d.
    """

    mean: Floats
    windows: int
    scale: float


@dataclass(frozen=True)
class DriftTest:
    """The measure that all devices of a task share.

    Attributes:
        scatter: S.
        left_out: U of each commissioning window as if it were new, by device, in the order given.
    """

    scatter: Scatter
    left_out: tuple[Floats, ...]

    @classmethod
    def fit(cls, devices: Sequence[Floats]) -> Self:
        """Learn from commissioning windows.

        Args:
            devices: for each device the mean φ of its windows, (K, p) float64, finite.

        Raises:
            BaselineShortError: one has fewer than `MIN_WINDOWS`: leave it out, or wait.
            ReferenceSmallError: there are too few of all.
        """
        shortest = min((len(windows) for windows in devices), default=0)
        if shortest < MIN_WINDOWS:
            raise BaselineShortError(shortest, MIN_WINDOWS)
        residuals = [windows - windows.mean(axis=0) for windows in devices]
        size = np.median(np.abs(np.concatenate(devices)), axis=0)
        products = np.stack([residual.T @ residual for residual in residuals])
        freedom = np.array([len(windows) - 1 for windows in devices])
        alike = _alike(products, freedom)
        # What a device adds to S: nothing, if it is unlike the others.
        products, freedom = products * alike[:, None, None], freedom * alike
        statistics, alone = len(size), len(devices) == 1
        least = int(freedom[0] - 1 if alone else freedom.sum() - freedom.max())
        if least < _FREEDOM * statistics:
            raise ReferenceSmallError(len(devices), least, _FREEDOM * statistics)
        if alone:
            return cls(Scatter(products[0] / freedom[0], size), (_left_out_alone(residuals[0], size),))
        others = (products.sum(axis=0) - products) / (freedom.sum() - freedom)[:, None, None]
        left_out = tuple(
            _left_out(residual, Scatter(covariance, size))
            for residual, covariance in zip(residuals, others, strict=True)
        )
        return cls(Scatter(products.sum(axis=0) / freedom.sum(), size), left_out)

    def baseline(self, windows: Floats) -> Baseline:
        """Of a device, whether or not it is among those learnt from.

        Args:
            windows: mean φ of its commissioning windows, (K, p).

        Raises:
            BaselineShortError: they are fewer than `MIN_WINDOWS`.
        """
        if len(windows) < MIN_WINDOWS:
            raise BaselineShortError(len(windows), MIN_WINDOWS)
        mean = windows.mean(axis=0)
        squares = float(self.scatter.distances(windows - mean).squares.sum())
        return Baseline(mean, len(windows), float(_scale(squares, self.scatter.rank, len(windows))))

    def distance(self, baseline: Baseline, window: Floats) -> Floats:
        """U of a window, (p,), or of each of several, (…, p)."""
        squares, escaped = self.scatter.distances(window - baseline.mean)
        return np.where(escaped, np.inf, squares / ((1 + 1 / baseline.windows) * baseline.scale))

    def deviations(self, baseline: Baseline, window: Floats) -> Floats:
        """How many deviations each statistic of a window is off, (p,); infinite where one that never moved did."""
        off = window - baseline.mean
        by = self.scatter.deviation * math.sqrt((1 + 1 / baseline.windows) * baseline.scale)
        still = np.where(self.scatter.distances(np.diag(off)).escaped, np.copysign(np.inf, off), 0.0)
        return np.divide(off, by, out=still, where=by > 0)

    def threshold(self, alpha: float) -> float:
        """The U that a window like those learnt from exceeds with probability `alpha`; see `threshold_of`."""
        return threshold_of(np.concatenate(self.left_out), alpha)


def threshold_of(left_out: Floats, alpha: float) -> float:
    """The ⌈(1 − α)(N + 1)⌉-th smallest of N; infinite where N is too small to say what is exceeded so seldom."""
    rank = math.ceil((1 - alpha) * (len(left_out) + 1) - 1e-9)
    return math.inf if rank > len(left_out) else float(np.sort(left_out)[max(rank, 1) - 1])


def _alike(products: Floats, freedom: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which devices scatter about as others do, (devices,); all, where most never scatter."""
    variances = np.diagonal(products, axis1=1, axis2=2) / freedom[:, None]
    usual = np.median(variances, axis=0)
    return np.asarray((variances[:, usual > 0] <= _UNLIKE * usual[usual > 0]).all(axis=1))


def _scale(squares: Floats | float, rank: int, windows: int) -> Floats | float:
    """s_d from Σ_k r_kᵀ S⁻¹ r_k of so many windows."""
    return (2 * rank + squares) / (2 * rank + rank * (windows - 1)) if rank else 1.0


def _left_out(residual: Floats, others: Scatter) -> Floats:
    """U of each of a device's windows by its other windows and the scatter of other devices.

    The mean of the others is K/(K − 1) times as far from a window as the mean of all is, and their sum of squares is
    that of all less K/(K − 1) of the window's own: so nothing is computed anew for each.
    """
    windows = len(residual)
    grown = windows / (windows - 1)
    own, _ = others.distances(residual)
    scale = _scale(own.sum() - grown * own, others.rank, windows - 1)
    escaped = others.distances(grown * residual).escaped
    return np.where(escaped, np.inf, grown * own / scale)


def _left_out_alone(residual: Floats, size: Floats) -> Floats:
    """The same of the only device there is, by the scatter of its other windows; its scale is then 1."""
    windows = len(residual)
    grown = windows / (windows - 1)
    products, found = residual.T @ residual, np.empty(windows)
    for place, off in enumerate(residual):
        scatter = Scatter((products - grown * np.outer(off, off)) / (windows - 2), size)
        square, escaped = scatter.distances(grown * off)
        found[place] = np.inf if escaped else square / grown
    return found
