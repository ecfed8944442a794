"""Pearson's chi-square: whether two samples of counts come of the same mix. Pure.

Slots in which fewer than five are expected are counted together, as the approximation asks; and a count is never taken
to vary by less than one, so that a single label seen for the first time is no event, and a window full of it is.

References: K. Pearson, On the criterion that a given system of deviations…, 1900; W. G. Cochran, Some methods for
strengthening the common χ² tests, 1954.

>>> per_degree(np.array([500, 300, 200]), np.array([5, 3, 2])) < 0.1
True
>>> round(per_degree(np.array([500, 300, 200]), np.array([10, 10, 80])), 1)
86.4
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["per_degree", "statistic"]

_LEAST_EXPECTED: Final = 5.0  # in a slot


def per_degree(reference: NDArray[Any], window: NDArray[Any]) -> float:
    """The statistic by its degrees of freedom; see `statistic`."""
    return statistic(reference, window)[0]


def statistic(reference: NDArray[Any], window: NDArray[Any]) -> tuple[float, int]:
    """The statistic by its degrees of freedom, about 1 where both are independent draws of one mix; and these.

    Args:
        reference: counts by slot, (slots,).
        window: counts by the same slots.

    Returns:
        0.0 and 0 where nothing can be told: one is empty, or all falls into one slot.
    """
    before, now = reference.astype(np.float64), window.astype(np.float64)
    both = before + now
    share = now.sum() / max(both.sum(), 1.0)
    rare = both * min(share, 1 - share) < _LEAST_EXPECTED
    if rare.any():
        before, now = (np.append(one[~rare], one[rare].sum()) for one in (before, now))
        both = before + now
    seen = both > 0
    degrees = int(seen.sum()) - 1
    if degrees < 1 or not 0 < share < 1:
        return 0.0, 0
    off = now[seen] - both[seen] * share
    varies = np.maximum(both[seen] * share * (1 - share), 1.0)
    return float((off * off / varies).sum() / degrees), degrees
