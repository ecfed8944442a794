"""A device against the others of its fleet: shown, and never alarmed by alone. Pure.

Devices differ from each other whatever is done about it, and more inputs do not shrink that difference; so this says
where a device stands among others, and not that anything is wrong. With B the covariance of the other G devices' means
and S the scatter between windows of one device, a decision of K-window devices varies about the fleet's mean by
V = (1 + 1/G) B + (1 − 1/K) S. It takes three devices for each statistic.

>>> random = np.random.default_rng(1)
>>> fleet = [random.normal(random.normal(0, 3, 2), 1, (12, 2)) for _ in range(20)]
>>> stands = against_fleet(fleet, np.array([30.0, 0.0]))
>>> bool(abs(stands[0]) > 5 > abs(stands[1]))
True
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roost_cloud.drift.errors import FleetSmallError

__all__ = ["DEVICES_EACH", "against_fleet"]

Floats = NDArray[np.float64]

DEVICES_EACH: Final = 3  # for a statistic
_STILL: Final = 1e-9  # deviations: smaller ones are none


def against_fleet(others: Sequence[Floats], window: Floats) -> Floats:
    """By how many of the fleet's deviations each statistic of a decision is off, (p,); 0 where devices never differ.

    Args:
        others: commissioning windows of the other devices, (K, p) each.
        window: the device's decision, (p,).

    Raises:
        FleetSmallError: there are too few others.
    """
    if len(others) < DEVICES_EACH * len(window):
        raise FleetSmallError(len(others), DEVICES_EACH * len(window))
    means = np.array([windows.mean(axis=0) for windows in others])
    residuals = [windows - mean for windows, mean in zip(others, means, strict=True)]
    within = np.concatenate(residuals)
    scatter = (within * within).sum(axis=0) / sum(len(one) - 1 for one in residuals)
    each = float(np.mean([len(one) for one in others]))
    variance = (1 + 1 / len(others)) * means.var(axis=0, ddof=1) + (1 - 1 / each) * scatter
    deviation = np.sqrt(variance)
    off: Floats = np.divide(
        window - means.mean(axis=0), deviation, out=np.zeros(len(window)), where=deviation > _STILL
    )
    return off
