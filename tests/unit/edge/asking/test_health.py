"""When a link is worth asking over, and how often it is tried."""

import pytest

from roost_edge.asking.health import LinkHealth
from roost_shared.clock import MS, SECOND


@pytest.fixture
def health() -> LinkHealth:
    """A good link."""
    health = LinkHealth()
    health.connected(0)
    health.probe_returned(0)
    return health


def lose_questions(health: LinkHealth, now_ns: int) -> int:
    """Until the link is bad; how long until it is tried."""
    for _ in range(4):
        health.question_lost(now_ns)
    assert health.state == "bad"
    assert health.probe_due_ns is not None
    return health.probe_due_ns - now_ns


def recover(health: LinkHealth, now_ns: int) -> None:
    for _ in range(2):
        health.probed(now_ns, 0.0)
        health.probe_returned(now_ns)
    assert health.state == "good"


def test_a_link_whose_probes_come_back_and_whose_questions_do_not_is_tried_ever_more_rarely(
    health: LinkHealth,
) -> None:
    pauses_ns = []
    for second in range(8):
        pauses_ns.append(lose_questions(health, second * SECOND))
        recover(health, second * SECOND)
    assert pauses_ns == sorted(pauses_ns)
    assert pauses_ns[0] == SECOND // 2
    assert pauses_ns[-1] == 15 * SECOND


def test_one_question_that_comes_back_starts_the_pauses_over(health: LinkHealth) -> None:
    for second in range(8):
        lose_questions(health, second * SECOND)
        recover(health, second * SECOND)
    health.question_returned(9 * SECOND)
    for _ in range(4):
        health.question_lost(9 * SECOND)
    assert lose_questions(health, 9 * SECOND) == SECOND // 2


def test_a_lost_question_has_the_link_probed_at_once_but_not_twice_at_a_time(health: LinkHealth) -> None:
    health.question_lost(SECOND)
    assert health.probe_due_ns == SECOND
    health.probed(SECOND, 0.5)
    health.question_lost(SECOND + MS)
    assert health.probe_due_ns == SECOND + 30 * SECOND


def test_three_probes_lost_in_a_row_make_a_quiet_link_bad(health: LinkHealth) -> None:
    for number in range(3):
        assert health.state == "good"
        health.probed(number * SECOND, 0.5)
        health.probe_lost(number * SECOND)
    assert health.state == "bad"


def test_lost_probes_with_a_word_between_them_do_not(health: LinkHealth) -> None:
    for number in range(10):
        health.probe_lost(number * SECOND)
        health.probe_lost(number * SECOND)
        (health.probe_returned if number % 2 else health.question_returned)(number * SECOND)
    assert health.state == "good"
