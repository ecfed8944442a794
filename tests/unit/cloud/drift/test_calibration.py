"""Beyond what a record shows: what comes once a week is met again, a little farther out."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from roost_cloud.drift.calibration import calibrate, drawn_out, replayed_alarms

Stream = NDArray[np.float64]

DEVICES = 5
DECISIONS = 84  # of a week
BUDGET = 0.1  # a week: the record would have to be 30 weeks long


def calm(random: np.random.Generator) -> list[Stream]:
    return list(random.exponential(1.0, (DEVICES, DECISIONS)))


def restless(random: np.random.Generator) -> list[Stream]:
    """A restless night in seven for each device."""
    streams = random.exponential(1.0, (DEVICES, DECISIONS))
    streams[:, -4:] += random.exponential(4.0, (DEVICES, 1))
    return list(streams)


@pytest.mark.parametrize(("week", "times"), [(calm, 1.2), (restless, 4.0)])
def test_a_record_drawn_out_comes_near_a_budget_that_it_is_too_short_to_show(
    week: Callable[[np.random.Generator], list[Stream]], times: float
) -> None:
    random = np.random.default_rng(5)
    kept, overrun = [], []
    for _ in range(60):
        record, later = week(random), [week(random) for _ in range(10)]
        beyond = drawn_out(record, weeks=1, budget_a_week=BUDGET)
        seen = calibrate(record, weeks=1, budget_a_week=BUDGET)
        assert not seen.is_promised
        kept += [replayed_alarms(one, beyond) for one in later]
        overrun += [replayed_alarms(one, seen.threshold) for one in later]
    assert np.mean(overrun) > 6 * BUDGET, "the highest that was seen is met again"
    assert np.mean(kept) < times * BUDGET


def test_the_rarer_alarms_shall_be_the_farther_out_until_a_record_tells_nothing() -> None:
    record = restless(np.random.default_rng(6))
    found = [drawn_out(record, weeks=1, budget_a_week=budget) for budget in (100, 4, 1, 0.1, 0.01, 0.001)]
    assert found == sorted(found)
    assert found[0] < found[1] < found[4] == found[5] < 20


@pytest.mark.parametrize("decisions", [0, 3, 9])
def test_a_record_of_a_few_decisions_shows_no_tail(decisions: int) -> None:
    record = [np.arange(decisions, dtype=float)] * 3
    assert drawn_out(record, weeks=1, budget_a_week=1) == 0


def test_a_record_that_is_always_the_same_is_drawn_out_to_itself() -> None:
    assert drawn_out([np.ones(DECISIONS)] * DEVICES, weeks=1, budget_a_week=BUDGET) == 1
