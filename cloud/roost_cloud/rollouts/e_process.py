"""How sure it is that a share lies above, or below, a bound, at whatever moment one looks. Pure.

Of n observations k were hits. Under the hypothesis that the share of hits is at most `bound`, an e-value is a number
whose mean, whenever one stops to look, is at most 1: so it reaches 1/α with probability α at most (Ville). This one
bets on all shares above the bound alike, a uniform mixture, which has a closed form (DESIGN.md, section 11):

    log E = ln B(1+k, 1+n−k) + ln[1 − I_p(1+k, 1+n−k)] − ln(1−p) − k ln p − (n−k) ln(1−p)

and for the hypothesis "at least p", I_p and −ln p in those two places. I_p(1+k, 1+n−k) is the chance of more than k
hits of n+1 at share p, which is summed here in logarithms: it stays right where it is too small for a float.

See J. Ville (1939); S. R. Howard, A. Ramdas et al., *Time-uniform, nonparametric, nonasymptotic confidence sequences*
(2021); V. Vovk, R. Wang, *E-values: calibration, combination and applications* (2021) for the mean of e-values.

>>> round(log_e_above(5, 20, 0.02), 2)
7.19
>>> round(log_e_below(0, 200, 0.02), 2)
2.63
>>> log_e_above(0, 0, 0.02)
0.0
"""

import math
from collections.abc import Sequence
from typing import Final

__all__ = ["is_tripped", "log_e_above", "log_e_below"]

_NEGLIGIBLE: Final = 1e-17  # of a sum


def log_e_above(hits: int, observed: int, bound: float) -> float:
    """Natural logarithm of the e-value against "the share of hits is at most `bound`".

    Args:
        hits: of those observed.
        observed: how many.
        bound: a share, between 0 and 1, neither included.
    """
    _check(hits, observed, bound)
    tail = _log_tail(observed + 1, bound, at_most=hits)  # 1 − I
    return _log_mixture(hits, observed, bound) + tail - math.log1p(-bound)


def log_e_below(hits: int, observed: int, bound: float) -> float:
    """Natural logarithm of the e-value against "the share of hits is at least `bound`"; otherwise as `log_e_above`."""
    return log_e_above(observed - hits, observed, 1 - bound)


def is_tripped(log_e_values: Sequence[float], alpha: float) -> bool:
    """Whether something that must not be is proven of a group, from the e-values of its members.

    Members differ, so their observations are not pooled: a group trips on the mean of its members' e-values, which is
    an e-value whatever depends on what, or on a single one that is large enough for having looked at all.

    Args:
        log_e_values: natural logarithms, one for each member.
        alpha: the chance of tripping where nothing is wrong.
    """
    if not log_e_values:
        return False
    count = len(log_e_values)
    largest = max(log_e_values)
    bar = -math.log(alpha)
    if largest >= bar + math.log(count):
        return True
    total = math.fsum(math.exp(one - largest) for one in log_e_values)
    return largest + math.log(total / count) >= bar


def _check(hits: int, observed: int, bound: float) -> None:
    if not 0 <= hits <= observed:
        raise ValueError(f"{hits} hits of {observed}")
    if not 0 < bound < 1:
        raise ValueError(f"a bound of {bound} excludes nothing")


def _log_mixture(hits: int, observed: int, bound: float) -> float:
    """The logarithm of B(1+k, 1+n−k), less that of the likelihood at the bound."""
    misses = observed - hits
    beta = math.lgamma(1 + hits) + math.lgamma(1 + misses) - math.lgamma(2 + observed)
    return beta - hits * math.log(bound) - misses * math.log1p(-bound)


def _log_tail(of: int, share: float, *, at_most: int) -> float:
    """The logarithm of the chance of at most so many hits of `of`, each with chance `share`.

    Summed from its largest term outwards; beyond the mean the other tail is summed and taken from 1.
    """
    if at_most >= of:
        return 0.0
    if at_most < of * share:
        return _log_sum(of, share, at_most, step=-1)
    rest = _log_sum(of, share, at_most + 1, step=1)
    return math.log1p(-math.exp(rest)) if rest < 0 else -math.inf


def _log_sum(of: int, share: float, first: int, *, step: int) -> float:
    """The logarithm of the sum of a binomial distribution's terms from `first` on, towards where they shrink."""
    log_first = (
        math.lgamma(of + 1)
        - math.lgamma(first + 1)
        - math.lgamma(of - first + 1)
        + first * math.log(share)
        + (of - first) * math.log1p(-share)
    )
    odds = share / (1 - share)
    term = total = 1.0
    hits = first
    while 0 <= hits + step <= of:
        term *= (of - hits) / (hits + 1) * odds if step > 0 else hits / (of - hits + 1) / odds
        total += term
        hits += step
        if term < total * _NEGLIGIBLE:
            break
    return log_first + math.log(total)
