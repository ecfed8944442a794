import math
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from roost_cloud.drift.budget import SHARES, starting_alpha
from roost_cloud.drift.calibration import calibrate
from roost_cloud.drift.chi_square import per_degree
from roost_cloud.drift.counts import CountsTest
from roost_cloud.drift.errors import BaselineShortError, ReferenceSmallError
from roost_cloud.drift.explanation import explain
from roost_cloud.drift.labels import stack_labels
from roost_cloud.drift.models import GROUPS, in_groups, quantile_groups, tell_apart
from roost_cloud.drift.rate import log_rate
from roost_cloud.drift.test import DriftTest, threshold_of
from roost_shared.phi import IMAGE
from roost_shared.sketches import LabelCounts, UnlikeSketchesError

Floats = NDArray[np.float64]


def fleet(random: np.random.Generator, devices: int, windows: int, statistics: int = 8) -> list[Floats]:
    """Devices that look different and scatter alike."""
    mixing = np.linalg.qr(random.normal(0, 1, (statistics, statistics)))[0] * np.linspace(0.5, 2, statistics)
    places = random.normal(0, 5, (devices, 1, statistics))
    return list(places + random.normal(0, 1, (devices, windows, statistics)) @ mixing)


def test_a_new_window_ranks_evenly_among_those_left_out() -> None:
    """Exchangeable: the share of new windows beyond each threshold is its α."""
    random = np.random.default_rng(4)
    devices = fleet(random, 20, 420)
    test = DriftTest.fit([one[:20] for one in devices])
    distances = np.concatenate([test.distance(test.baseline(one[:20]), one[20:]) for one in devices])
    for alpha in (0.5, 0.2, 0.05, 0.01):
        share = float((distances > test.threshold(alpha)).mean())
        spread = math.sqrt(alpha * (1 - alpha) * (1 / len(distances) + 2 / 400))
        assert abs(share - alpha) < 3 * spread, alpha


def test_a_device_that_scatters_more_than_others_is_forgiven_that() -> None:
    random = np.random.default_rng(5)
    devices = fleet(random, 20, 220)
    centre = devices[0].mean(axis=0)
    devices[0] = centre + 2 * (devices[0] - centre)
    test = DriftTest.fit([one[:20] for one in devices])
    baseline = test.baseline(devices[0][:20])
    assert baseline.scale > 2.5
    assert float((test.distance(baseline, devices[0][20:]) > test.threshold(0.01)).mean()) < 0.05


def test_what_moved_is_told_in_deviations() -> None:
    devices = fleet(np.random.default_rng(6), 20, 20)
    test = DriftTest.fit(devices)
    baseline = test.baseline(devices[3])
    window = baseline.mean.copy()
    window[6] -= 9 * test.scatter.deviation[6]
    moved = explain(IMAGE, test.deviations(baseline, window))
    assert [one.statistic for one in moved] == ["gradient"]
    assert moved[0].deviations == pytest.approx(-9, rel=0.25)
    assert str(moved[0]).startswith("sharpness of edges fell by ")


def test_a_statistic_that_never_moved_is_named_when_it_does() -> None:
    devices = [np.column_stack([one, np.zeros(len(one))]) for one in fleet(np.random.default_rng(7), 5, 20, 7)]
    test = DriftTest.fit(devices)
    baseline = test.baseline(devices[0])
    window = baseline.mean + np.array([*[0.0] * 7, 0.3])
    assert test.distance(baseline, window) == np.inf
    moved = explain(IMAGE, test.deviations(baseline, window))
    assert [(one.statistic, one.deviations) for one in moved] == [("laplacian", np.inf)]
    assert str(moved[0]) == "fine detail rose, and was always the same before"


def test_a_sensor_that_went_black_is_seen_by_one_window() -> None:
    devices = [one + 20 for one in fleet(np.random.default_rng(8), 10, 12)]
    test = DriftTest.fit(devices)
    assert test.distance(test.baseline(devices[0]), np.zeros(8)) > 10 * test.threshold(0.01)


@pytest.mark.parametrize("garbage", [1e15, 1e3, -40.0])
def test_a_device_whose_commissioning_is_garbage_hides_nothing_of_the_others(garbage: float) -> None:
    devices = fleet(np.random.default_rng(15), 12, 20)
    clean = DriftTest.fit(devices)
    broken = [one.copy() for one in devices]
    broken[4][::7] = garbage
    test = DriftTest.fit(broken)
    drifted = devices[0][0] + 8 * clean.scatter.deviation
    for learnt in (clean, test):
        assert learnt.distance(learnt.baseline(devices[0]), drifted) > 2 * learnt.threshold(0.01)
    np.testing.assert_allclose(test.scatter.deviation, clean.scatter.deviation, rtol=0.2)
    own = test.baseline(broken[4])
    assert own.scale > 10
    assert float(np.mean(test.distance(own, broken[4]) > test.threshold(0.05))) <= 0.2


def test_a_device_that_scatters_three_times_as_far_is_still_one_of_them() -> None:
    devices = fleet(np.random.default_rng(16), 12, 20)
    devices[4] = devices[4].mean(axis=0) + 3 * (devices[4] - devices[4].mean(axis=0))
    residuals = np.concatenate([one - one.mean(axis=0) for one in devices])
    deviation = np.sqrt((residuals**2).sum(axis=0) / (12 * 19))
    np.testing.assert_allclose(DriftTest.fit(devices).scatter.deviation, deviation)


def test_fewer_than_ten_commissioning_windows_are_refused_by_name() -> None:
    devices = fleet(np.random.default_rng(9), 5, 9)
    with pytest.raises(BaselineShortError, match=r"9 commissioning windows.*wait for 1 more") as caught:
        DriftTest.fit(devices)
    assert caught.value.code == "drift.baseline_short"
    with pytest.raises(BaselineShortError):
        DriftTest.fit([])
    with pytest.raises(BaselineShortError):
        DriftTest.fit(fleet(np.random.default_rng(9), 5, 10)).baseline(devices[0])


@pytest.mark.parametrize(("devices", "windows"), [(1, 17), (2, 16)])
def test_a_reference_too_small_for_the_statistics_is_refused_and_one_more_window_will_do(
    devices: int, windows: int
) -> None:
    random = np.random.default_rng(10)
    with pytest.raises(ReferenceSmallError, match=r"15 degrees of freedom.*16 are wanted"):
        DriftTest.fit(fleet(random, devices, windows))
    assert len(DriftTest.fit(fleet(random, devices, windows + 1)).left_out) == devices


def test_a_lone_device_is_judged_by_its_own_scatter() -> None:
    random = np.random.default_rng(11)
    (windows,) = fleet(random, 1, 2_100)
    test = DriftTest.fit([windows[:100]])
    share = float((test.distance(test.baseline(windows[:100]), windows[100:]) > test.threshold(0.05)).mean())
    assert 0.01 < share < 0.12


def test_too_few_windows_for_so_small_an_alpha_never_exceed_the_threshold() -> None:
    assert threshold_of(np.arange(98.0), 0.01) == math.inf
    assert threshold_of(np.arange(99.0), 0.01) == 98.0
    assert threshold_of(np.arange(100.0), 0.5) == 50.0


def test_a_test_takes_less_than_a_tenth_of_a_millisecond() -> None:
    devices = fleet(np.random.default_rng(12), 30, 20)
    test = DriftTest.fit(devices)
    baseline, window = test.baseline(devices[0]), devices[0][0]
    took = []
    for _ in range(200):
        began = time.perf_counter()
        test.distance(baseline, window)
        took.append(time.perf_counter() - began)
    assert min(took) < 1e-4


# ---- counts


def mixes(random: np.random.Generator, devices: int, windows: int) -> list[NDArray[np.int64]]:
    """Label counts of devices whose mixes differ, and jitter from window to window."""
    own = random.dirichlet([8] * 11, devices)
    return [np.stack([random.multinomial(300, random.dirichlet(200 * mix)) for _ in range(windows)]) for mix in own]


def test_a_label_mix_that_jitters_is_forgiven_that_and_one_that_moves_is_seen() -> None:
    devices = mixes(np.random.default_rng(1), 20, 120)
    test = CountsTest.fit([one[:20] for one in devices])
    threshold = test.threshold(0.05)
    distances = [test.distance(test.baseline(one[:20]), window) for one in devices for window in one[20:]]
    assert 0.03 < float(np.mean(np.array(distances) > threshold)) < 0.07
    stuck = np.eye(11, dtype=np.int64)[3] * 150  # half of the time it says the same
    moved = [test.distance(test.baseline(one[:20]), one[50] // 2 + stuck) for one in devices]
    assert min(moved) > threshold


def test_one_new_label_is_no_event_and_a_window_full_of_it_is() -> None:
    reference = np.array([1000, 1000, 0, 0])
    assert per_degree(reference, np.array([50, 49, 1, 0])) < 1
    assert per_degree(reference, np.array([5, 5, 90, 0])) > 100


@pytest.mark.parametrize(
    ("reference", "window"), [([0, 0], [5, 5]), ([5, 5], [0, 0]), ([9, 0], [9, 0]), ([0, 0], [0, 0])]
)
def test_where_nothing_can_be_told_the_distance_is_none(reference: list[int], window: list[int]) -> None:
    assert per_degree(np.array(reference), np.array(window)) == 0.0


def test_devices_that_always_say_the_same_have_a_baseline_too() -> None:
    constant = np.tile([100, 0, 0], (12, 1))
    test = CountsTest.fit([constant, constant])
    baseline = test.baseline(constant)
    assert test.distance(baseline, np.array([100, 0, 0])) == 0.0
    assert test.distance(baseline, np.array([50, 50, 0])) > test.threshold(0.1)


def test_counts_of_too_few_windows_are_refused() -> None:
    with pytest.raises(BaselineShortError):
        CountsTest.fit([np.ones((9, 3))])


def test_windows_of_two_label_spaces_are_not_stacked() -> None:
    with pytest.raises(UnlikeSketchesError):
        stack_labels([LabelCounts(1), LabelCounts(2)])
    assert stack_labels([]).shape == (0, 64)


def test_confidence_is_cut_into_groups_of_about_the_same_size() -> None:
    random = np.random.default_rng(2)
    windows = random.multinomial(500, random.dirichlet([2] * 26), 12)
    groups = quantile_groups(windows)
    assert (np.diff(groups) >= 0).all()
    sizes = in_groups(windows, groups).sum(axis=0)
    assert sizes.sum() == windows.sum()
    assert sizes.max() < 0.35 * sizes.sum()
    assert in_groups(windows[0], groups).shape == (GROUPS,)


def test_a_model_that_gets_unsure_moves_in_its_groups() -> None:
    random = np.random.default_rng(3)
    mix = np.linspace(0, 1, 26) / 13
    windows = random.multinomial(300, mix, 12)
    groups = quantile_groups(windows)
    test = CountsTest.fit([in_groups(windows, groups)])
    baseline = test.baseline(in_groups(windows, groups))
    assert test.distance(baseline, in_groups(windows[0], groups)) < 3
    assert test.distance(baseline, in_groups(windows[0][::-1], groups)) > 20


@pytest.mark.parametrize(
    ("primary", "baseline", "cause"),
    [(False, False, "none"), (True, True, "input"), (True, False, "model"), (False, True, "baseline")],
)
def test_the_baseline_contestant_tells_a_model_that_drifts_from_inputs_that_do(
    primary: bool,  # noqa: FBT001 - a table
    baseline: bool,  # noqa: FBT001
    cause: str,
) -> None:
    assert tell_apart(primary_moved=primary, baseline_moved=baseline) == cause


def test_a_rate_is_judged_as_phi_is_and_silence_is_far_off() -> None:
    random = np.random.default_rng(13)
    devices = [log_rate(random.poisson(rate, 30), 60.0)[:, None] for rate in (40, 100, 300, 900)]
    test = DriftTest.fit(devices)
    baseline = test.baseline(devices[1])
    ordinary, silence = (float(test.distance(baseline, log_rate([count], 60.0))) for count in (104, 0))
    assert ordinary < test.threshold(0.05) < silence


# ---- budget


def test_the_budget_is_given_out_whole() -> None:
    assert sum(SHARES.values()) == pytest.approx(1)


def test_the_alpha_to_begin_with_is_that_of_three_of_five() -> None:
    assert starting_alpha(2, 30 * 168) == pytest.approx((2 / (5040 * 6)) ** (1 / 3))
    assert starting_alpha(1e9, 1) == 1.0


def test_a_budget_too_small_for_the_record_is_not_promised_and_says_what_it_takes() -> None:
    streams = [np.random.default_rng(seed).exponential(1, 4 * 168) for seed in range(30)]
    small, large = (calibrate(streams, weeks=4, budget_a_week=budget) for budget in (0.5, 2))
    assert not small.is_promised
    assert "that takes 6.0 recorded weeks, there are 4.0" in small.words(0.5)
    assert large.is_promised
    assert large.words(2) == "2 false alarms a week, by 4.0 recorded weeks"
    assert large.threshold < small.threshold
    assert large.alarms_a_week <= 2


def test_the_record_has_one_alarm_less_than_the_budget_allows() -> None:
    streams = [np.array([0.0, amount, amount, amount, 0.0]) for amount in (1.0, 2.0, 3.0, 4.0, 5.0)]
    found = calibrate(streams, weeks=1.1, budget_a_week=3 / 1.1)
    assert found.threshold == 3.0
    assert found.alarms_a_week * 1.1 == pytest.approx(2)


def test_a_record_without_decisions_calibrates_to_nothing_promised() -> None:
    found = calibrate([np.zeros(0)], weeks=1, budget_a_week=2)
    assert (found.threshold, found.alarms_a_week, found.is_promised) == (0.0, 0.0, False)
