import numpy as np
import pytest

from roost_cloud.drift.errors import FleetSmallError
from roost_cloud.drift.fleet import against_fleet


def test_devices_like_others_are_off_by_about_one_deviation_and_a_strange_one_by_many() -> None:
    random = np.random.default_rng(2)
    places = random.normal(0, 3, (400, 4))
    fleet = [random.normal(place, 1, (12, 4)) for place in places[:40]]
    off = np.array([against_fleet(fleet, random.normal(place, 1)) for place in places[40:]])
    assert 0.85 < off.std() < 1.15
    assert abs(against_fleet(fleet, np.array([25.0, 0, 0, 0]))[0]) > 5


def test_too_few_devices_and_statistics_that_never_differ_say_so() -> None:
    same = [np.full((12, 2), 7.0) for _ in range(6)]
    assert against_fleet(same, np.array([9.0, 7.0])).tolist() == [0.0, 0.0]
    with pytest.raises(FleetSmallError, match="5 other devices are commissioned, it takes 6"):
        against_fleet(same[:5], np.array([9.0, 7.0]))
