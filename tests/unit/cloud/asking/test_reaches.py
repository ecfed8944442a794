"""What is known of how far away scorers are, and what of it decides whether a task is asked."""

import pytest

from roost_cloud.asking.reaches import Reaches
from roost_shared.clock import MS
from roost_shared.rendezvous import Link

TASK = "acme/meter"


@pytest.fixture
def reaches() -> Reaches:
    reaches = Reaches()
    for _ in range(5):
        reaches.learn(TASK, 400 * MS, 300 * MS, now_ns=0)
    return reaches


def test_before_the_first_score_nothing_is_known() -> None:
    reaches = Reaches()
    assert reaches.patience_ns(TASK, now_ns=0) is None
    assert reaches.way_ns == 0
    assert reaches.link(TASK, up=True, alone=False, now_ns=0) == Link(up=True, round_trip_ns=0)


def test_the_way_is_what_the_scorer_did_not_take(reaches: Reaches) -> None:
    assert reaches.way_ns == pytest.approx(100 * MS, rel=0.1)


@pytest.mark.parametrize("scorer_ns", [None, -1.0, 400 * MS + 1.0], ids=["unknown", "negative", "longer than it all"])
def test_a_scorers_word_that_cannot_be_teaches_nothing_of_the_way(scorer_ns: float | None) -> None:
    reaches = Reaches()
    for _ in range(5):
        reaches.learn(TASK, 400 * MS, scorer_ns, now_ns=0)
    assert reaches.way_ns == 0
    assert reaches.patience_ns(TASK, now_ns=0) == pytest.approx(400 * MS, rel=0.1)


def test_a_question_that_would_be_alone_is_tried_however_long_others_took(reaches: Reaches) -> None:
    assert reaches.link(TASK, up=True, alone=True, now_ns=0).round_trip_ns == 0
    assert reaches.link(TASK, up=True, alone=False, now_ns=0).round_trip_ns == pytest.approx(400 * MS, rel=0.1)


def test_without_a_connection_nobody_is_asked(reaches: Reaches) -> None:
    assert not reaches.link(TASK, up=False, alone=True, now_ns=0).up


def test_tasks_learn_apart_and_those_asked_least_lately_are_forgotten(reaches: Reaches) -> None:
    for number in range(999):
        assert reaches.patience_ns(f"acme/other-{number}", now_ns=0) is None
    assert reaches.patience_ns(TASK, now_ns=0) is not None
    for number in range(1000):
        reaches.patience_ns(f"acme/new-{number}", now_ns=0)
    assert reaches.patience_ns(TASK, now_ns=0) is None
