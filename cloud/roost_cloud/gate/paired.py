"""Two models on the same inputs: is one better, is it not worse? Pure.

Only inputs on which one is right and the other is not tell anything. Inputs count by their weights: the rare ones that
were kept stand for the many that were not.

Better: each discordant input might as well have gone the other way, if neither is better. How often does a fair coin
for each bring as large a weighted gain? With equal weights that is McNemar's exact test (the sign test). With up to 16
discordant inputs all falls of the coins are counted; with more and unequal weights, 20,000 that are drawn, the same
each time, and the one that was seen counts among them, so that the p-value never is too small.

Not worse: an upper bound of the accuracy that is lost, by Tango's score interval for the difference of paired shares
(Tango, Statistics in Medicine 17 (1998) 891-908), which holds with few inputs and with none discordant. Weighted ones
count as (Σw)² / Σw² of equal weight (Kish).

>>> round(gain_p_value([1.0] * 9, [1.0]), 4)
0.0107
>>> round(loss_bound(268, 0, 0, alpha=0.05), 4), inputs_needed(0.01, alpha=0.05)
(0.01, 268)
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from scipy.stats import norm

from roost_cloud.gate.figures import Outcome

__all__ = ["Paired", "gain_p_value", "inputs_needed", "loss_bound", "paired"]

_COUNTED: Final = 16  # discordant inputs, of which all falls of the coins are counted
_DRAWS: Final = 20_000
_BATCH: Final = 500
_NEAR: Final = 1e-9  # sums of the same weights in another order are the same sum
_HALVINGS: Final = 60


class Paired(NamedTuple):
    """Two models on the same inputs.

    Attributes:
        inputs: how many.
        weight: of all.
        effective: how many of equal weight they are worth.
        devices: that they are known to come from.
        wins: weights of inputs on which only the candidate is right.
        losses: weights of inputs on which only the incumbent is right.
        candidate: share of inputs on which it is right, by weight.
        incumbent: the same of the incumbent.
    """

    inputs: int
    weight: float
    effective: float
    devices: int
    wins: tuple[float, ...]
    losses: tuple[float, ...]
    candidate: float
    incumbent: float

    @property
    def gain(self) -> float:
        """Of accuracy, by weight: -1…1."""
        return self.candidate - self.incumbent


def paired(outcomes: Sequence[Outcome]) -> Paired:
    """Count; of no outcomes all is 0."""
    total = math.fsum(one.weight for one in outcomes)
    squares = math.fsum((one.weight / total) ** 2 for one in outcomes) if outcomes else 0.0
    share = 1 / total if outcomes else 0.0
    return Paired(
        inputs=len(outcomes),
        weight=total,
        effective=1 / squares if outcomes else 0.0,
        devices=len({one.device for one in outcomes} - {""}),
        wins=tuple(one.weight for one in outcomes if one.candidate_right and not one.incumbent_right),
        losses=tuple(one.weight for one in outcomes if one.incumbent_right and not one.candidate_right),
        candidate=math.fsum(one.weight for one in outcomes if one.candidate_right) * share,
        incumbent=math.fsum(one.weight for one in outcomes if one.incumbent_right) * share,
    )


def gain_p_value(wins: Sequence[float], losses: Sequence[float]) -> float:
    """How probable so large a gain is if neither model is better: 0…1, one-sided.

    Args:
        wins: weights of inputs on which only the candidate is right.
        losses: weights of inputs on which only the incumbent is right.
    """
    weights = np.array([*wins, *losses], dtype=np.float64)
    number = len(weights)
    if number == 0:
        return 1.0
    if weights.min() == weights.max():
        return float(sum(math.comb(number, won) for won in range(len(wins), number + 1)) / 2**number)
    gain = math.fsum(wins) - math.fsum(losses) - _NEAR * float(weights.sum())
    if number <= _COUNTED:
        falls = (np.arange(1 << number)[:, None] >> np.arange(number)) & 1
        return float(np.mean((2 * falls - 1) @ weights >= gain))
    random = np.random.default_rng(0)
    reached = 0
    for _ in range(_DRAWS // _BATCH):
        falls = random.integers(0, 2, (_BATCH, number), dtype=np.int8)
        reached += int(np.count_nonzero((2.0 * falls - 1) @ weights >= gain))
    return (reached + 1) / (_DRAWS + 1)


def loss_bound(inputs: float, wins: float, losses: float, *, alpha: float) -> float:
    """The accuracy that is lost is below that, with probability 1 - `alpha`: -1…1.

    Args:
        inputs: how many there are, all of equal weight.
        wins: on how many of them only the candidate is right.
        losses: on how many only the incumbent is.
        alpha: how probable it may be that the bound is wrong, one-sided.
    """
    if inputs <= 0:
        return 1.0
    wanted = float(norm.ppf(1 - alpha))
    low, high = -1.0, (wins - losses) / inputs  # of the gain: what it is at least lies between
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _score(inputs, wins, losses, middle) > wanted:
            low = middle
        else:
            high = middle
    return -low


def inputs_needed(epsilon: float, *, alpha: float) -> int:
    """How many inputs it takes to show that less than `epsilon` is lost, if none goes either way."""
    wanted = float(norm.ppf(1 - alpha))
    return math.ceil(wanted**2 * (1 - epsilon) / epsilon)


def _score(inputs: float, wins: float, losses: float, gain: float) -> float:
    """By how many standard deviations the gain seen lies above `gain`, if that were the true one."""
    linear = -(wins + losses) + (2 * inputs - wins + losses) * gain
    constant = -losses * gain * (1 - gain)
    lost = (math.sqrt(max(linear**2 - 8 * inputs * constant, 0.0)) - linear) / (4 * inputs)
    variance = inputs * (2 * lost + gain * (1 - gain))
    above = wins - losses - inputs * gain
    if variance <= 0:
        return math.inf if above > 0 else 0.0
    return above / math.sqrt(variance)
