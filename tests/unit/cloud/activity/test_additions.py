from datetime import UTC, datetime

from roost_cloud.activity.additions import Additions, DeviceKey, DeviceSums, TaskKey
from roost_cloud.activity.sums import Pair, pairs, quantiles, reasons
from roost_shared.records import WindowRecord
from tests.support.active import answers_window, meter_windows, scores_window

NOON = datetime(2026, 12, 1, 12, 34, tzinfo=UTC)
HOUR = NOON.replace(minute=0)


def added(*windows: WindowRecord) -> Additions:
    additions = Additions()
    for window in windows:
        additions.add("acme", "cam-01", NOON, window)
    return additions


def test_windows_of_an_hour_add_up() -> None:
    found = added(
        answers_window(["preferred", "default"], missed=1), answers_window(["forced", "fallback"], missed=None)
    )
    key = DeviceKey("acme", HOUR, "cam-01", "meter")
    assert found.devices == {key: DeviceSums(answers=4, reasoned=4, others=2, timed=2, missed=1)}
    sums = found.tasks[TaskKey("acme", "meter", HOUR, "")]
    assert (sums.count, sums.timed, sums.missed) == (4, 2, 1)
    assert reasons(sums)["forced"] == 1


def test_contestants_windows_are_none_of_the_device_s_answers() -> None:
    assert added(scores_window("primary", 3, differs={})).devices == {}


def test_a_sketch_that_cannot_be_read_is_counted_and_the_others_are_added() -> None:
    window = answers_window(["preferred"])
    window.sketches["reasons"] = b"no sketch"
    found = added(window)
    assert found.unreadable == 1
    sums = found.tasks[TaskKey("acme", "meter", HOUR, "")]
    assert quantiles(sums).p50_ms is not None
    assert found.devices[DeviceKey("acme", HOUR, "cam-01", "meter")].reasoned == 0


def test_a_window_that_missed_more_than_it_answered_missed_all() -> None:
    assert added(answers_window(["preferred"], missed=7)).devices.popitem()[1].missed == 1


def test_a_count_beyond_reason_still_fits_a_database_s_integer() -> None:
    told = WindowRecord(task="meter", started_at="", seconds=60.0, count=2**63 - 1, missed=2**63)
    sums = added(*[told] * 1000).devices.popitem()[1]
    assert sums.missed <= sums.answers < 2**63


def test_a_pair_that_both_counted_is_told_once() -> None:
    found = added(*[one for one in meter_windows() if isinstance(one, WindowRecord)])
    by_contestant = {key.contestant: sums for key, sums in found.tasks.items()}
    told = list(pairs(by_contestant))
    assert Pair("old", "primary", 40, 10) in told
    assert len({(one.one, one.other) for one in told}) == len(told)
