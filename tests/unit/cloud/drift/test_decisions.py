import random
from typing import Any

import pytest

from roost_cloud.drift.decisions import Sketches, Window, decide
from roost_shared.sketches import Moments


def window(
    number: int,
    *,
    boot: str = "a",
    at: float | None = None,
    inputs: int = 10,
    source: int = 0,
    bundle: str | None = None,
) -> Window:
    """A minute's window whose φ says which it is."""
    moments = Moments(1, source, 1)
    for _ in range(inputs):
        moments.update([float(number)])
    received_s = number * 60.0 if at is None else at
    return Window((boot, number), received_s, 60.0, 2 * inputs, Sketches(phi=moments), bundle)


def held(windows: list[Window], **wanted: Any) -> list[list[int]]:
    """Which windows each decision holds."""
    rule = {"inputs": 30, "seconds": 180.0, **wanted}
    return [[number for _, number in decision.windows] for decision in decide(windows, **rule).decisions]


def test_windows_are_merged_until_there_are_inputs_and_time_enough_and_the_rest_waits() -> None:
    windows = [window(number) for number in range(8)]
    assert held(windows) == [[0, 1, 2], [3, 4, 5]]
    decided = decide(windows, inputs=30, seconds=180)
    assert [number for _, number in (one.identity for one in decided.waiting)] == [6, 7]
    decision = decided.decisions[0]
    assert decision.sketches.phi is not None
    assert (decision.sketches.phi.count, decision.sketches.phi.means, decision.count) == (30, [1.0], 60)
    assert (decision.began_s, decision.ended_s, decision.seconds) == (0.0, 120.0, 180.0)


def test_windows_that_came_twice_or_in_another_order_decide_the_same() -> None:
    windows = [window(number) for number in range(9)]
    shuffled = windows * 2
    random.Random(3).shuffle(shuffled)
    assert held(shuffled) == held(windows)


def test_a_device_with_a_hundred_times_the_traffic_is_judged_as_often() -> None:
    assert len(held([window(number, inputs=1000) for number in range(9)])) == len(held([window(n) for n in range(9)]))


def test_a_device_with_little_traffic_waits_for_inputs_enough() -> None:
    assert held([window(number, inputs=2) for number in range(15)]) == [list(range(15))]


def test_windows_without_phi_do_not_count_as_inputs() -> None:
    assert held([window(number, inputs=0) for number in range(15)]) == []


def test_one_decision_does_not_hold_two_phi() -> None:
    windows = [window(number, source=number // 5) for number in range(11)]
    assert held(windows) == [[0, 1, 2], [5, 6, 7]]


def test_a_long_pause_begins_anew_and_a_short_one_does_not() -> None:
    short = [window(0), window(1), window(2, at=60.0 + 4 * 180.0)]
    longer = [window(0), window(1), window(2, at=61.0 + 4 * 180.0)]
    long = [window(0), window(1), window(2, at=7200.0), window(3, at=7260.0), window(4, at=7320.0)]
    assert held(short) == [[0, 1, 2]]
    assert held(longer) == []
    assert held(long) == [[2, 3, 4]]


def test_windows_of_two_boots_are_told_apart_by_more_than_their_numbers() -> None:
    windows = [window(1), window(1, boot="b", at=120.0), window(2, boot="b", at=180.0)]
    assert decide(windows, inputs=30, seconds=180).decisions[0].windows == (("a", 1), ("b", 1), ("b", 2))


@pytest.mark.parametrize("wanted", [{"inputs": 10_000}, {"seconds": 86_400.0}])
def test_what_is_not_complete_decides_nothing(wanted: dict[str, Any]) -> None:
    assert held([window(number) for number in range(9)], **wanted) == []


def test_a_few_windows_of_an_old_bundle_do_not_disturb_those_of_the_new_one_and_wait_no_longer_than_a_pause() -> None:
    windows = [window(n, bundle="new") for n in range(20)] + [window(n, at=61.0 + n, bundle="old") for n in (100, 101)]
    decided = decide(windows, inputs=30, seconds=180)
    assert [[number for _, number in one.windows] for one in decided.decisions][:2] == [[0, 1, 2], [3, 4, 5]]
    assert [one.bundle for one in decided.decisions] == ["new"] * 6
    assert [one.bundle for one in decided.waiting] == ["new", "new"]


def test_time_alone_decides_where_no_inputs_are_asked_for() -> None:
    assert held([window(number, inputs=0) for number in range(6)], inputs=0) == [[0, 1, 2], [3, 4, 5]]


def test_a_window_that_shows_no_phi_goes_with_its_bundles_others() -> None:
    bare = Window(("a", 1), 60.0, 60.0, 10, Sketches(), None)
    assert held([window(0), bare, window(2), window(3)], inputs=30) == [[0, 1, 2]]
