from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from roost_cloud.drift.steadiness import LEAST, shifts


def said(kind: Any, devices: Sequence[NDArray[Any]]) -> list[bool]:
    return [one.share < LEAST for one in shifts(kind, devices)]


@pytest.mark.parametrize("statistics", [1, 8])
@pytest.mark.parametrize("at", [6, 10, 14])
def test_a_change_within_commissioning_is_said_of_its_device_and_of_no_other(statistics: int, at: int) -> None:
    random = np.random.default_rng(1)
    devices = [random.normal(place, 1, (20, statistics)) for place in range(12)]
    devices[5][at:, 0] += 9
    assert said("input", devices) == [number == 5 for number in range(12)]
    deviations = shifts("input", devices)[5].deviations
    assert deviations is not None
    assert abs(deviations).argmax() == 0


def test_devices_at_which_nothing_changed_are_seldom_named_though_they_scatter_and_hours_are_like_the_last() -> None:
    random = np.random.default_rng(2)
    named = []
    for _ in range(40):
        devices = [np.exp(random.normal(0, 0.4)) * random.normal(0, 1, (168, 8)) for _ in range(10)]
        for windows in devices:
            for hour in range(1, 168):
                windows[hour] += 0.5 * windows[hour - 1]
        named += said("input", devices)
    assert np.mean(named) < 0.01


def test_a_statistic_that_never_moved_and_then_did_is_named() -> None:
    random = np.random.default_rng(3)
    devices = [np.hstack([random.normal(0, 1, (20, 1)), np.full((20, 1), 0.25)]) for _ in range(6)]
    devices[2][10:, 1] = 0.5
    found = shifts("input", devices)
    assert [one.share < LEAST for one in found] == [number == 2 for number in range(6)]
    assert found[2].deviations is not None
    assert abs(found[2].deviations[1]) > 2


@pytest.mark.parametrize("kind", ["label_mix", "model"])
def test_counts_of_another_mix_in_the_second_half_are_named(kind: str) -> None:
    random = np.random.default_rng(4)
    devices = [random.multinomial(200, random.dirichlet([100, 60, 40]), 20) for _ in range(8)]
    devices[1][10:] = random.multinomial(200, [0.2, 0.2, 0.6], 10)
    assert said(kind, devices) == [number == 1 for number in range(8)]
    same = [np.tile([200, 0, 0], (20, 1)) for _ in range(3)]
    assert said(kind, same) == [False] * 3


def test_of_too_few_windows_nothing_is_said() -> None:
    assert shifts("input", [np.random.default_rng(5).normal(0, 1, (30, 8))]) == []
