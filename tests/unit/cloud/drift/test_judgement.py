"""Devices judged by their decisions: commissioned, watched, in alarm; and what must not raise or hide an alarm."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from roost_cloud.drift.decisions import Decision
from roost_cloud.drift.judgement import Judgement, judge
from roost_shared.phi import IMAGE
from roost_shared.sketches import Moments

HOUR_S = 3600.0
WEEK = 168  # decisions
BUDGET = 2.0


def decision(hour: int, values: NDArray[np.float64], source: int = 7) -> Decision:
    moments = Moments(IMAGE.number, source, len(values))
    moments.update(values.tolist())
    return Decision((("boot", hour),), hour * HOUR_S, HOUR_S, moments)


def device(
    random: np.random.Generator, hours: int, *, place: float = 0.5, shift: Sequence[float] = (), source: int = 7
) -> list[Decision]:
    """Hourly decisions about `place`; the last of them are shifted, one for each of `shift`, in two statistics."""
    values = random.normal(place, 0.01, (hours, 8))
    for step, amount in enumerate(shift, start=hours - len(shift)):
        values[step, 6:] -= amount * 0.01
    return [decision(hour, row, source) for hour, row in enumerate(values)]


def fleet(devices: int = 12, hours: int = 3 * WEEK) -> dict[str, list[Decision]]:
    random = np.random.default_rng(3)
    return {f"cam-{number}": device(random, hours, place=random.uniform(0.2, 0.8)) for number in range(devices)}


def judged(devices: dict[str, list[Decision]], *, weeks: float = 2, budget: float = BUDGET) -> Judgement:
    return judge(devices, commissioning_s=weeks * WEEK * HOUR_S, budget_a_week=budget)


def states(judgement: Judgement) -> dict[str, str]:
    return {name: one.state for name, one in judgement.devices.items()}


def test_a_fleet_like_it_was_is_watched_within_its_budget() -> None:
    found = judged(fleet())
    assert list(states(found).values()).count("alarm") <= BUDGET
    assert {(one.commissioned, one.watched) for one in found.devices.values()} == {(2 * WEEK, WEEK)}
    (calibration,) = found.calibrations.values()
    assert calibration.weeks == pytest.approx((2 * WEEK - 1) / WEEK)
    assert not calibration.is_promised, "1.4 of input drift in 2 weeks are 2.8 alarms, 3 are wanted"
    assert found.why == {}


def test_a_lens_that_blurs_alarms_on_its_device_alone_and_says_what_moved() -> None:
    devices = fleet(hours=2 * WEEK + 10)
    devices["cam-5"] = device(np.random.default_rng(8), 2 * WEEK + 10, shift=[9.0] * 6)
    found = judged(devices)
    assert [name for name, state in states(found).items() if state == "alarm"] == ["cam-5"]
    alarm = found.devices["cam-5"]
    assert {one.statistic for one in alarm.moved[:2]} == {"gradient", "laplacian"}
    assert all(one.deviations < -5 for one in alarm.moved[:2])
    assert alarm.alarm_at_s == (2 * WEEK + 4 + 2) * HOUR_S, "with the third decision after it happened"
    assert alarm.windows == (("boot", 2 * WEEK + 6),)


def test_one_or_two_decisions_that_are_far_off_are_no_alarm() -> None:
    devices = fleet(hours=2 * WEEK + 10)
    devices["cam-5"] = device(np.random.default_rng(8), 2 * WEEK + 10, shift=[90.0, 90.0, 0, 0, 0, 0])
    assert "alarm" not in states(judged(devices)).values()


def test_a_device_in_commissioning_is_told_of_and_does_not_alarm_however_it_looks() -> None:
    devices = fleet(hours=2 * WEEK + 10)
    devices["new"] = device(np.random.default_rng(8), 40, shift=[90.0] * 6)
    found = judged(devices)
    assert states(found)["new"] == "commissioning"
    assert (found.devices["new"].commissioned, found.devices["new"].watched) == (40, 0)


def test_ten_decisions_are_a_commissioning_s_least_however_short_it_is() -> None:
    devices = fleet(hours=60)
    devices["seldom"] = [decision(hour, np.full(8, 0.5)) for hour in range(0, 900, 100)]
    found = judged(devices, weeks=5 / WEEK)
    assert states(found)["seldom"] == "commissioning"
    assert found.devices["cam-0"].commissioned == 10


def test_too_few_devices_wait_and_it_is_said_why() -> None:
    devices = {"cam-0": device(np.random.default_rng(8), 40, shift=[90.0] * 6)}
    found = judged(devices, weeks=12 / WEEK)
    assert states(found) == {"cam-0": "waiting"}
    (why,) = found.why.values()
    assert "commission longer, or more devices" in why


def test_another_phi_begins_another_commissioning_and_leaves_the_others_alone() -> None:
    devices = fleet(hours=2 * WEEK + 10)
    changed = device(np.random.default_rng(8), 2 * WEEK, place=0.9, source=8)
    moved = [Decision(one.windows, one.at_s + 5_000_000, one.seconds, one.phi) for one in changed[:20]]
    devices["cam-5"] = [*devices["cam-5"], *moved]
    found = judged(devices)
    assert states(found)["cam-5"] == "commissioning"
    assert found.devices["cam-5"].commissioned == 20
    assert len(found.calibrations) == 1
    assert list(found.why.values()) == ["no device has been commissioned yet"]


@pytest.mark.parametrize("values", [np.zeros(8), np.full(8, 1e15)])
def test_a_broken_sensor_alarms_on_its_own_device_and_moves_no_other_s_threshold(values: NDArray[np.float64]) -> None:
    devices = fleet(hours=2 * WEEK + 10)
    before = judged(devices).calibrations
    devices["cam-5"][-6:] = [decision(2 * WEEK + 4 + step, values) for step in range(6)]
    found = judged(devices)
    assert [name for name, state in states(found).items() if state == "alarm"] == ["cam-5"]
    assert found.calibrations == before


def test_another_budget_is_another_threshold_on_the_same_decisions() -> None:
    devices = fleet()
    thresholds = [next(iter(judged(devices, budget=budget).calibrations.values())).threshold for budget in (2, 5, 20)]
    assert thresholds == sorted(thresholds, reverse=True)
    assert thresholds[0] > thresholds[-1]


def test_nothing_is_judged_to_be_nothing() -> None:
    found = judged({"cam-0": []})
    assert (found.devices, found.calibrations, found.why) == ({}, {}, {})
