"""When a connection is tried for again."""

from roost_edge.mqtt.pauses import Pauses
from roost_shared.clock import SECOND


def test_pauses_grow_to_half_a_minute_and_no_further() -> None:
    pauses = Pauses(lambda: 1.0)
    assert [pauses.next_ns(0) / SECOND for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_pause_is_drawn_below_its_longest() -> None:
    assert Pauses(lambda: 0.5).next_ns(0) == 0.25 * SECOND


def test_they_start_over_after_a_connection_that_lasted_and_only_then() -> None:
    pauses = Pauses(lambda: 1.0)
    pauses.next_ns(0)
    assert not pauses.lasted(10 * SECOND - 1)
    assert pauses.next_ns(0) == SECOND
    assert pauses.lasted(10 * SECOND)
    assert pauses.next_ns(0) == 0.5 * SECOND


def test_they_start_over_when_told() -> None:
    pauses = Pauses(lambda: 1.0)
    pauses.next_ns(0)
    pauses.start_over()
    assert pauses.next_ns(0) == 0.5 * SECOND


def test_held_off_no_attempt_is_allowed_before() -> None:
    pauses = Pauses(lambda: 1.0)
    pauses.hold_off(100 * SECOND)
    assert pauses.held_off(100 * SECOND - 1)
    assert pauses.next_ns(40 * SECOND) == 60 * SECOND
    assert not pauses.held_off(100 * SECOND)
    assert pauses.next_ns(100 * SECOND) == SECOND
