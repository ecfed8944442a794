"""The upper tail of the F distribution: how often chance alone goes as far. Pure.

By the incomplete beta function's continued fraction (modified Lentz), so that the cloud needs no SciPy for one number.

Reference: W. H. Press et al., Numerical Recipes, 3rd edition, section 6.4.

>>> round(f_tail(4.96, 1, 10), 3), round(f_tail(2.0, 8, 240), 3), f_tail(0.0, 3, 3), f_tail(math.inf, 3, 3)
(0.05, 0.047, 1.0, 0.0)
"""

import math
from typing import Final

__all__ = ["f_tail"]

_TINY: Final = 1e-300
_ENOUGH: Final = 1e-12
_STEPS: Final = 10_000


def f_tail(value: float, above: float, below: float) -> float:
    """The probability that an F variable is beyond a value.

    Args:
        value: of the variable; below 0 counts as 0.
        above: degrees of freedom of the numerator, above 0.
        below: of the denominator, above 0.
    """
    if value <= 0:
        return 1.0
    if math.isinf(value):
        return 0.0
    return _beta(below / (below + above * value), below / 2, above / 2)


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly, the other end
        return 1 - _beta(1 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d, c = 1 / _away(1 + term * d), _away(1 + term / c)
            found *= c * d
        if abs(c * d - 1) < _ENOUGH:
            break
    return found


def _away(value: float) -> float:
    """The value, away from 0."""
    return value if abs(value) > _TINY else _TINY
