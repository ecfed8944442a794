import math

import numpy as np
import pytest
from scipy import stats

from roost_cloud.drift.errors import FleetSmallError
from roost_cloud.drift.f_distribution import f_tail
from roost_cloud.drift.fleet import Devices, stand


def test_devices_like_others_are_off_by_about_one_deviation_and_a_strange_one_by_many() -> None:
    random = np.random.default_rng(2)
    places = random.normal(0, 3, (400, 4))
    fleet = Devices.of([random.normal(place, 1, (12, 4)) for place in places[:40]]).fleet()
    stands = [stand(fleet, random.normal(place, 1)[None]) for place in places[40:]]
    assert 0.85 < np.array([one.deviations for one in stands]).std() < 1.15
    assert 0.4 < np.mean([one.share for one in stands]) < 0.6
    assert np.mean([one.share < 0.05 for one in stands]) < 0.1
    strange = stand(fleet, np.array([[25.0, 0, 0, 0]]))
    assert abs(strange.deviations[0]) > 5
    assert strange.share < 0.001


def test_shares_are_what_they_say_over_many_fleets() -> None:
    random = np.random.default_rng(3)
    mixing = random.normal(0, 1, (4, 4))  # statistics that go together: by the joint V, not one by one
    shares = []
    for _ in range(1500):
        places = random.normal(0, 1, (21, 4)) @ mixing
        fleet = Devices.of([random.normal(place, 0.3, (10, 4)) for place in places[:20]]).fleet()
        shares.append(stand(fleet, random.normal(places[20], 0.3)[None]).share)
    assert np.mean(np.array(shares) < 0.05) == pytest.approx(0.05, abs=0.02)
    assert np.mean(shares) == pytest.approx(0.5, abs=0.03)


def test_what_no_statistic_shows_alone_is_seen_by_all_together() -> None:
    random = np.random.default_rng(4)
    places = random.normal(0, 1, (40, 1)) @ np.ones((1, 2)) + random.normal(0, 0.05, (40, 2))
    fleet = Devices.of([random.normal(place, 0.05, (10, 2)) for place in places]).fleet()
    stands = stand(fleet, np.array([[1.0, -1.0]]))  # each alone is common, against each other they are not
    assert max(abs(stands.deviations)) < 2
    assert stands.share < 1e-6


def test_a_cohort_is_seen_where_each_of_it_alone_is_not() -> None:
    random = np.random.default_rng(5)
    places = random.normal(0, 1, (60, 2))
    places[40:] += 1.2
    devices = Devices.of([random.normal(place, 0.3, (10, 2)) for place in places])
    now = random.normal(places, 0.3)
    others = devices.fleet(range(40, 60))
    assert others.devices == 40
    assert stand(others, now[40:]).share < 0.001
    assert np.median([stand(others, one[None]).share for one in now[40:]]) > 0.05
    assert stand(devices.fleet(range(20)), now[:20]).share > 0.001


def test_leaving_a_device_out_is_as_if_it_had_never_been_there() -> None:
    random = np.random.default_rng(6)
    windows = [random.normal(place, 1, (10 + place % 3, 2)) for place in range(9)]
    without, never = Devices.of(windows).fleet([4]), Devices.of(windows[:4] + windows[5:]).fleet()
    assert (without.devices, without.windows) == (never.devices, never.windows)
    assert np.allclose(without.mean, never.mean)
    assert np.allclose(without.between, never.between)
    assert np.allclose(without.within, never.within)


def test_too_few_devices_and_statistics_that_never_differ_say_so() -> None:
    same = [np.full((12, 2), 7.0) for _ in range(6)]
    odd = stand(Devices.of(same).fleet(), np.array([[9.0, 7.0]]))
    assert (odd.deviations.tolist(), odd.distance, odd.share) == ([0.0, 0.0], math.inf, 0.0)
    usual = stand(Devices.of(same).fleet(), np.array([[7.0, 7.0]]))
    assert (usual.distance, usual.share) == (0.0, 1.0)
    with pytest.raises(FleetSmallError, match="5 other devices are commissioned, it takes 6"):
        Devices.of(same[:5]).fleet()


@pytest.mark.parametrize("above", [1, 2, 8, 40])
@pytest.mark.parametrize("below", [1, 7, 240, 20_000])
def test_the_tail_of_f_is_scipys(above: int, below: int) -> None:
    for value in (1e-6, 0.3, 1.0, 2.5, 30.0, 1e6):
        assert f_tail(value, above, below) == pytest.approx(stats.f.sf(value, above, below), rel=1e-8, abs=1e-14)
