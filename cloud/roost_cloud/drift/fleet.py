"""Devices against the others of their fleet: shown, and never alarmed by alone. Pure.

Devices differ from each other whatever is done about it, and more inputs do not shrink that difference; so this says
where a device stands among others, and not that anything is wrong. With B the covariance of the other G devices' means
(which holds S/K) and S the scatter between windows of one device, a decision x varies about the fleet's mean by
V = (1 + 1/G) B + (1 − 1/K) S. T² = (x − x̄)ᵀ V⁻¹ (x − x̄) is then about p(G − 1)/(G − p) · F(p, G − p), which says how
many devices out of a hundred stand as far off. The mean of M devices' decisions, a cohort, varies by
(1/M + 1/G) B + (1/M)(1 − 1/K) S. It takes three devices for each statistic.

>>> random = np.random.default_rng(1)
>>> fleet = Devices.of([random.normal(random.normal(0, 3, 2), 1, (12, 2)) for _ in range(20)]).fleet()
>>> far, near = (stand(fleet, np.array([x])) for x in ([30.0, 0.0], [1.0, -2.0]))
>>> bool(abs(far.deviations[0]) > 5 > abs(far.deviations[1])), far.share < 0.001, near.share > 0.1
(True, True, True)
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from roost_cloud.drift.errors import FleetSmallError
from roost_cloud.drift.f_distribution import f_tail
from roost_cloud.drift.scatter import Scatter

__all__ = ["DEVICES_EACH", "Devices", "Fleet", "Stands", "stand"]

Floats = NDArray[np.float64]

DEVICES_EACH: Final = 3  # for a statistic
_STILL: Final = 1e-9  # deviations: smaller ones are none


class Fleet(NamedTuple):
    """How devices differ.

    Attributes:
        devices: G.
        windows: K, on average.
        mean: of devices' means, (p,).
        between: B, (p, p).
        within: S, (p, p).
    """

    devices: int
    windows: float
    mean: Floats
    between: Floats
    within: Floats


class Stands(NamedTuple):
    """Where a device, or a cohort, stands.

    Attributes:
        deviations: of the fleet's, by statistic, (p,); 0 where devices never differ.
        distance: T² by V; infinite in a direction in which devices never differ.
        share: of devices like these that stand as far off, or farther, 0…1.
    """

    deviations: Floats
    distance: float
    share: float


@dataclass(frozen=True)
class Devices:
    """What is known of each device, so that one can be left out without looking at the windows again.

    Attributes:
        means: of its commissioning windows, (G, p).
        products: Σ_k r_k r_kᵀ of its windows about its mean, (G, p, p).
        windows: how many it has, (G,).
    """

    means: Floats
    products: Floats
    windows: NDArray[np.int64]

    @classmethod
    def of(cls, devices: Sequence[Floats]) -> Self:
        """Learn from commissioning windows, (K, p) of each of one device or more."""
        residuals = [windows - windows.mean(axis=0) for windows in devices]
        return cls(
            np.array([windows.mean(axis=0) for windows in devices]),
            np.array([residual.T @ residual for residual in residuals]),
            np.array([len(windows) for windows in devices]),
        )

    def fleet(self, without: Collection[int] = ()) -> Fleet:
        """The fleet of all but some.

        Raises:
            FleetSmallError: they are too few.
        """
        kept = np.ones(len(self.windows), np.bool_)
        kept[list(without)] = False
        devices, wanted = int(kept.sum()), DEVICES_EACH * self.means.shape[1]
        if devices < wanted:
            raise FleetSmallError(devices, wanted)
        means, windows = self.means[kept], self.windows[kept]
        within = self.products[kept].sum(axis=0) / max(int((windows - 1).sum()), 1)
        between = np.atleast_2d(np.cov(means, rowvar=False))
        return Fleet(devices, float(windows.mean()), means.mean(axis=0), between, within)


def stand(fleet: Fleet, decisions: Floats) -> Stands:
    """Where the mean of decisions, one of each of M devices that are not of the fleet, (M, p), stands in it."""
    each = 1 / len(decisions)
    variance = (each + 1 / fleet.devices) * fleet.between + each * (1 - 1 / fleet.windows) * fleet.within
    off = decisions.mean(axis=0) - fleet.mean
    deviation = np.sqrt(np.diag(variance))
    deviations: Floats = np.divide(off, deviation, out=np.zeros(len(off)), where=deviation > _STILL)
    scatter = Scatter(variance, fleet.mean)
    square, escaped = scatter.distances(off)
    distance, rank = float("inf") if escaped else float(square), scatter.rank
    free = fleet.devices - rank
    share = f_tail(distance * free / (rank * (fleet.devices - 1)), rank, free) if rank else float(not escaped)
    return Stands(deviations, distance, share)
