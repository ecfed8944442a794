"""How often inputs come. Pure.

A rate is judged as φ is, with one statistic, its logarithm: half as many inputs are as far off as twice as many. No
inputs at all count as half of one.

>>> round(float(log_rate(120, 60.0)), 3), bool(log_rate(0, 60.0) < log_rate(1, 60.0))
(0.697, True)
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["log_rate"]


def log_rate(count: Any, seconds: Any) -> NDArray[np.float64]:
    """Logarithm of inputs a second, for `DriftTest`: of one window, or of each of several.

    Args:
        count: inputs in a window.
        seconds: how long it was, above 0.
    """
    rate: NDArray[np.float64] = np.log((np.asarray(count, np.float64) + 0.5) / np.asarray(seconds, np.float64))
    return rate
