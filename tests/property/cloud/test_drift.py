"""What holds of the drift test whatever the statistics are, and whoever measures them in whatever unit."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from roost_cloud.drift.budget import OF, WANTED, alarms
from roost_cloud.drift.calibration import calibrate, replayed_alarms
from roost_cloud.drift.test import DriftTest

Floats = NDArray[np.float64]
seeds = st.integers(0, 2**32 - 1)


def fleet(random: np.random.Generator, devices: int = 6, windows: int = 12, statistics: int = 4) -> list[Floats]:
    """Devices that look and scatter differently, with statistics that go together."""
    mixing = random.normal(0, 1, (statistics, statistics)) + 2 * np.eye(statistics)
    return [
        random.normal(0, 5, statistics)
        + random.uniform(0.7, 1.4) * random.normal(0, 1, (windows, statistics)) @ mixing
        for _ in range(devices)
    ]


def directly(devices: list[Floats], g: int, j: int) -> float:
    """U of a window left out, by the formulas as DESIGN.md has them and nothing saved."""
    others = np.concatenate([one - one.mean(axis=0) for place, one in enumerate(devices) if place != g])
    freedom = sum(len(one) - 1 for place, one in enumerate(devices) if place != g)
    inverse = np.linalg.inv(others.T @ others / freedom)
    rest = np.delete(devices[g], j, axis=0)
    k, p = len(rest), rest.shape[1]
    off = devices[g][j] - rest.mean(axis=0)
    residuals = rest - rest.mean(axis=0)
    scale = (2 * p + sum(r @ inverse @ r for r in residuals)) / (2 * p + p * (k - 1))
    return float(off @ inverse @ off / (1 + 1 / k) / scale)


@settings(max_examples=20)
@given(seeds)
def test_what_is_computed_at_once_is_what_the_formulas_say_one_by_one(seed: int) -> None:
    random = np.random.default_rng(seed)
    *shorter, longer = fleet(random, 5, 15)
    devices = [*(windows[:11] for windows in shorter), longer]
    test = DriftTest.fit(devices)
    for g, found in enumerate(test.left_out):
        expected = [directly(devices, g, j) for j in range(len(devices[g]))]
        np.testing.assert_allclose(found, expected, rtol=1e-8)
    residuals = np.concatenate([one - one.mean(axis=0) for one in devices])
    covariance = residuals.T @ residuals / sum(len(one) - 1 for one in devices)
    baseline, window = test.baseline(devices[0]), random.normal(0, 5, 4)
    off, k, p = window - devices[0].mean(axis=0), 11, 4
    own = devices[0] - devices[0].mean(axis=0)
    scale = (2 * p + np.einsum("kp,pq,kq->", own, np.linalg.inv(covariance), own)) / (2 * p + p * (k - 1))
    expected_u = off @ np.linalg.inv(covariance) @ off / (1 + 1 / k) / scale
    np.testing.assert_allclose(test.distance(baseline, window), expected_u, rtol=1e-8)


@settings(max_examples=30)
@given(seeds)
def test_units_and_mixtures_of_the_statistics_do_not_matter(seed: int) -> None:
    random = np.random.default_rng(seed)
    devices, window = fleet(random), random.normal(0, 5, 4)
    rotation, _ = np.linalg.qr(random.normal(0, 1, (4, 4)))
    change, shift = rotation * random.uniform(0.1, 100, 4), random.normal(0, 10, 4)
    test, changed = DriftTest.fit(devices), DriftTest.fit([one @ change + shift for one in devices])
    for one, other in zip(test.left_out, changed.left_out, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    distance = test.distance(test.baseline(devices[2]), window)
    other_distance = changed.distance(changed.baseline(devices[2] @ change + shift), window @ change + shift)
    np.testing.assert_allclose(distance, other_distance, rtol=1e-6)


@settings(max_examples=20)
@given(seeds, st.permutations(range(6)))
def test_the_order_of_devices_and_windows_does_not_matter(seed: int, order: list[int]) -> None:
    random = np.random.default_rng(seed)
    devices = fleet(random)
    test = DriftTest.fit(devices)
    again = DriftTest.fit([devices[place][::-1] for place in order])
    for place, found in zip(order, again.left_out, strict=True):
        np.testing.assert_allclose(found[::-1], test.left_out[place], rtol=1e-9)


@settings(max_examples=20)
@given(seeds, st.sampled_from([1, 6]))
def test_a_statistic_that_says_nothing_new_changes_nothing(seed: int, count: int) -> None:
    """One that is always the same, and one that is the sum of two others: S is singular, and U is what it was."""
    random = np.random.default_rng(seed)
    devices = fleet(random, count, 14)
    with_more = [np.column_stack([one, np.full(len(one), 3.0), one[:, 0] + one[:, 1]]) for one in devices]
    test, more = DriftTest.fit(devices), DriftTest.fit(with_more)
    for one, other in zip(test.left_out, more.left_out, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4)
    assert more.scatter.rank == test.scatter.rank == 4
    window = devices[0][0]
    baseline = more.baseline(with_more[0])
    assert np.isfinite(more.distance(baseline, np.array([*window, 3.0, window[0] + window[1]])))
    assert np.isinf(more.distance(baseline, np.array([*window, 3.1, window[0] + window[1]])))
    assert np.isinf(more.distance(baseline, np.array([*window, 3.0, window[0] + window[1] + 5])))


series = st.lists(st.lists(st.integers(0, 20), max_size=40), min_size=1, max_size=4)


@given(st.lists(st.booleans(), max_size=40))
def test_an_alarm_takes_three_of_five_and_what_went_before_it_counts_no_more(exceeded: list[bool]) -> None:
    expected, since = [], 0
    for place in range(len(exceeded)):
        if sum(exceeded[max(since, place - OF + 1) : place + 1]) >= WANTED and exceeded[place]:
            expected.append(place)
            since = place + 1
    assert alarms(exceeded) == expected


@given(series, st.floats(0.1, 5), st.floats(0.1, 5))
def test_the_calibrated_threshold_is_the_smallest_that_keeps_the_budget(
    told: list[list[int]], weeks: float, budget: float
) -> None:
    streams = [np.array(one, np.float64) for one in told]
    found = calibrate(streams, weeks=weeks, budget_a_week=budget)
    keeps = [
        candidate
        for candidate in (0.0, *sorted({float(value) for one in streams for value in one}))
        if replayed_alarms(streams, candidate) <= max(int(budget * weeks + 1e-9) - 1, 0)
    ]
    assert found.threshold == keeps[0]
    assert found.alarms_a_week * weeks <= budget * weeks + 1e-6
    assert found.is_promised == (budget * weeks >= 3 - 1e-9)
