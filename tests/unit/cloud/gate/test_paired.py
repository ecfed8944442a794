"""Whether one model is better, or not worse, than another: by hand, against others' arithmetic, and by drawing."""

import itertools
import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from roost_cloud.gate.figures import Outcome
from roost_cloud.gate.paired import gain_p_value, inputs_needed, loss_bound, paired

_WEIGHTS = st.lists(st.floats(0.01, 100), max_size=4)


def outcome(candidate: bool, incumbent: bool, weight: float = 1.0, device: str = "") -> Outcome:  # noqa: FBT001
    return Outcome("new", weight, device, incumbent, candidate, candidate == incumbent)


def test_counts_by_weight() -> None:
    counted = paired([outcome(True, False, 3.0, "a"), outcome(False, True, 1.0, "a"), outcome(True, True, 4.0)])
    assert (counted.inputs, counted.weight, counted.devices) == (3, 8.0, 1)
    assert (counted.wins, counted.losses) == ((3.0,), (1.0,))
    assert (counted.candidate, counted.incumbent, counted.gain) == (7 / 8, 5 / 8, 2 / 8)
    assert counted.effective == pytest.approx(64 / 26)


def test_of_nothing_nothing_is_counted() -> None:
    counted = paired([])
    assert (counted.inputs, counted.effective, counted.gain) == (0, 0.0, 0.0)
    assert gain_p_value([], []) == 1.0
    assert loss_bound(0, 0, 0, alpha=0.05) == 1.0


@pytest.mark.parametrize(
    ("wins", "losses", "p_value"),
    [(4, 0, 1 / 16), (5, 0, 1 / 32), (0, 5, 1.0), (8, 1, 10 / 512), (1, 1, 3 / 4), (2000, 0, 2.0**-2000)],
)
def test_equal_weights_are_the_sign_test(wins: int, losses: int, p_value: float) -> None:
    assert gain_p_value([1.0] * wins, [1.0] * losses) == pytest.approx(p_value)


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.1, 50))
def test_equal_weights_are_the_sign_test_whatever_they_are(wins: int, losses: int, weight: float) -> None:
    known = binomtest(wins, wins + losses, 0.5, "greater").pvalue if wins + losses else 1.0
    assert gain_p_value([weight] * wins, [weight] * losses) == pytest.approx(known)


@given(_WEIGHTS, _WEIGHTS)
def test_few_unequal_weights_count_every_fall(wins: list[float], losses: list[float]) -> None:
    weights = [*wins, *losses]
    seen = sum(wins) - sum(losses)
    falls = list(itertools.product((-1, 1), repeat=len(weights)))
    reached = sum(sum(s * w for s, w in zip(fall, weights, strict=True)) >= seen - 1e-7 for fall in falls)
    assert gain_p_value(wins, losses) == pytest.approx(
        reached / len(falls), abs=1e-2 if len(set(weights)) > 1 else 1e-9
    )


def by_convolution(wins: list[int], losses: list[int]) -> float:
    """The same, exactly, of whole weights: all sums with how often they come."""
    sums = Counter({0: 1})
    for weight in (*wins, *losses):
        sums = Counter(
            {
                place: sums[place - weight] + sums[place + weight]
                for one in sums
                for place in (one - weight, one + weight)
            }
        )
    seen = sum(wins) - sum(losses)
    return float(sum(count for place, count in sums.items() if place >= seen) / 2 ** len([*wins, *losses]))


@pytest.mark.parametrize(
    ("wins", "losses"),
    [([1, 2] * 8, [1, 3] * 5), ([5] + [1] * 20, [1] * 12), ([1] * 30, [2] * 15), ([1, 2] * 20, [3])],
)
def test_many_unequal_weights_are_drawn_alike_each_time(wins: list[int], losses: list[int]) -> None:
    as_weights = ([float(one) for one in wins], [float(one) for one in losses])
    drawn = gain_p_value(*as_weights)
    assert drawn == gain_p_value(*as_weights)
    assert drawn == pytest.approx(by_convolution(wins, losses), abs=0.015)


def test_a_drawn_p_value_is_never_nothing() -> None:
    assert gain_p_value([float(place) for place in range(1, 60)], []) >= 1 / 20_001


def test_one_heavy_loss_outweighs_many_wins() -> None:
    """A rare input stands for the many like it that were not kept."""
    assert gain_p_value([1.0] * 9, [1.0]) < 0.05
    assert gain_p_value([1.0] * 9, [20.0]) > 0.5


@given(st.integers(1, 500), st.integers(0, 30), st.integers(0, 30))
def test_the_bound_lies_above_what_was_seen_and_falls_with_wins(inputs: int, wins: int, losses: int) -> None:
    if wins + losses + 1 > inputs:
        return
    bound = loss_bound(inputs, wins, losses, alpha=0.05)
    assert (losses - wins) / inputs <= bound <= 1
    assert loss_bound(inputs, wins + 1, losses, alpha=0.05) <= bound + 1e-9
    assert loss_bound(inputs, wins, losses + 1, alpha=0.05) >= bound - 1e-9
    assert loss_bound(inputs, wins, losses, alpha=0.01) >= bound - 1e-9


@pytest.mark.parametrize("epsilon", [0.005, 0.01, 0.02, 0.1])
def test_as_many_inputs_as_are_needed_show_it_and_one_less_does_not(epsilon: float) -> None:
    needed = inputs_needed(epsilon, alpha=0.05)
    assert loss_bound(needed, 0, 0, alpha=0.05) <= epsilon
    assert loss_bound(needed - 1, 0, 0, alpha=0.05) > epsilon


def test_bounds_are_those_of_tango() -> None:
    """An example of Fagerland, Lydersen and Laake, Statistics in Medicine 33 (2014) 2850-2875: -0.517 to -0.026."""
    assert loss_bound(21, 1, 7, alpha=0.025) == pytest.approx(0.517, abs=0.0005)
    assert loss_bound(21, 7, 1, alpha=0.025) == pytest.approx(-0.026, abs=0.0005)


@given(st.integers(1, 40), st.integers(0, 40))
def test_no_loss_is_shown_where_mcnemar_shows_a_gain(wins: int, losses: int) -> None:
    deviations = (wins - losses) / math.sqrt(wins + losses)
    if abs(deviations - 1.959964) > 1e-4:
        assert (loss_bound(100, wins, losses, alpha=0.025) < 0) == (deviations > 1.959964)


def shares_passing(loss: float, churn: float, inputs: int, runs: int = 400) -> float:
    """How often a model that loses so much passes at ε = 0.02."""
    random = np.random.default_rng(1)
    lost, won = loss + churn, churn
    passed = 0
    for draw in random.multinomial(inputs, [lost, won, 1 - lost - won], size=runs):
        passed += loss_bound(inputs, float(draw[1]), float(draw[0]), alpha=0.05) < 0.02
    return passed / runs


@pytest.mark.parametrize("churn", [0.0, 0.01, 0.05])
@pytest.mark.parametrize("inputs", [140, 400])
def test_what_loses_too_much_passes_one_time_in_twenty(inputs: int, churn: float) -> None:
    assert shares_passing(0.02, churn, inputs) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400) + 0.02
    assert shares_passing(0.08, churn, inputs) <= 0.02


def draws(share: float, number: int) -> Sequence[int]:
    wins: Sequence[int] = np.random.default_rng(2).binomial(number, share, 2000).tolist()
    return wins


def test_what_is_no_better_passes_one_time_in_twenty() -> None:
    for number in (5, 12, 40):
        passed = sum(gain_p_value([1.0] * wins, [1.0] * (number - wins)) <= 0.05 for wins in draws(0.5, number))
        assert passed / 2000 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 2000)
