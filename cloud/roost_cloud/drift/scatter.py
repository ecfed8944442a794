"""S, the scatter between windows, and how far a difference is by its measure. Pure.

S⁻¹ is a pseudo-inverse: a direction in which no window ever differed from another measures nothing. A window that does
differ there is as far off as can be, and is said to have escaped. So a share of broken values that was always 0 and is
not any more counts, though no multiple of its deviation can be told.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Distances", "Scatter"]

Floats = NDArray[np.float64]

_LEAST_VARIANCE: Final = 1e-9  # of the largest, in a direction that counts as one in which windows differ
_STILL: Final = 0.05  # deviations, by which a window may be off where windows never differed
_ROUNDING: Final = 1e-5  # of its mean, by which a statistic that is always the same may be off


class Distances(NamedTuple):
    """Of some differences.

    Attributes:
        squares: dᵀ S⁻¹ d.
        escaped: whether the difference lies in a direction that windows never took.
    """

    squares: Floats
    escaped: NDArray[np.bool_]


class Scatter:
    """A measure of differences.

    Args:
        covariance: S, (p, p).
        size: how large each statistic is, (p,), so that rounding is told from a difference.

    Attributes:
        rank: in how many directions windows differ, p if in all.
        deviation: of each statistic, (p,); 0 where it never differs.
    """

    def __init__(self, covariance: Floats, size: Floats) -> None:
        variance, rounding = np.diag(covariance), _ROUNDING * np.abs(size) + 1e-12
        varies = variance > rounding**2
        self.deviation = np.sqrt(np.where(varies, variance, 0.0))
        scale = 1 / self.deviation[varies]
        values, vectors = np.linalg.eigh(covariance[np.ix_(varies, varies)] * np.outer(scale, scale))
        counts = values > _LEAST_VARIANCE * values.max(initial=0.0)
        self.rank = int(counts.sum())
        directions = np.zeros((len(values), len(variance)))
        directions[:, varies] = vectors.T * scale
        self._whiten = (directions[counts] / np.sqrt(values[counts])[:, None]).T
        # What is beyond 1 along one of these has escaped.
        self._still = np.concatenate([np.diag(1 / rounding)[~varies], directions[~counts] / _STILL]).T

    def distances(self, differences: Floats) -> Distances:
        """Of each of the differences, (…, p)."""
        inside = differences @ self._whiten
        squares: Floats = (inside * inside).sum(axis=-1)
        if not self._still.size:
            return Distances(squares, np.zeros(squares.shape, np.bool_))
        return Distances(squares, (np.abs(differences @ self._still) > 1).any(axis=-1))
