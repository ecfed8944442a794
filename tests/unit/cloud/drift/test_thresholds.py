import math

import numpy as np
import pytest

from roost_cloud.drift.errors import ReferenceSmallError
from roost_cloud.drift.measures import Measure, fit
from roost_cloud.drift.thresholds import Budget, Record, find_threshold


def measure(devices: int, windows: int) -> Measure:
    random = np.random.default_rng(3)
    return fit("input", [random.normal(place, 1, (windows, 8)) for place in range(devices)])


def test_enough_weeks_promise_the_budget_and_few_do_not() -> None:
    long = measure(8, 200)
    budget = Budget(a_week=0.7, streams=8, of_streams=8)
    promised = find_threshold(long, budget, Record(weeks=5.0, decisions=200))
    assert (promised.way, promised.is_promised) == ("replay", True)
    assert promised.weeks_wanted == pytest.approx(3 / 0.7)
    short = find_threshold(long, budget, Record(weeks=1.2, decisions=200))
    assert not short.is_promised
    assert short.value >= promised.value


def test_a_record_too_small_for_its_budget_alarms_nobody() -> None:
    found = find_threshold(measure(3, 11), Budget(0.001, 3, 3), Record(weeks=11 / 168, decisions=11))
    assert (found.value, found.is_promised) == (math.inf, False)


def test_a_larger_budget_never_takes_a_higher_threshold_and_a_share_is_less_than_all() -> None:
    learnt = measure(10, 40)
    record = Record(weeks=40 / 168, decisions=40)
    values = [find_threshold(learnt, Budget(a_week, 10, 10), record).value for a_week in (0.1, 1, 10, 100)]
    assert values == sorted(values, reverse=True)
    assert Budget(1.0, 10, 40).own == 0.25


def test_a_reference_too_small_for_its_dimension_refuses() -> None:
    with pytest.raises(ReferenceSmallError):
        measure(1, 10)
