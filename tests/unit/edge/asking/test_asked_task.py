"""What a device knows of a task's cloud contestants, while they change."""

import pytest

from roost_edge.asking.asked_task import AskedTask
from roost_edge.asking.sizes import Sizes
from roost_shared.clock import MS
from roost_shared.questions import InputSize

SIZE = InputSize(20, 32)


@pytest.fixture
def task() -> AskedTask:
    task = AskedTask()
    task.serve(["big", "huge"], frozenset({"0", "1"}), Sizes(["big"]))
    for _ in range(5):
        task.learn("big", 80 * MS, 0, late=False)
    return task


def test_an_answer_teaches_how_far_away_its_contestant_and_its_task_are(task: AskedTask) -> None:
    assert task.reach.patience_ns(0) == pytest.approx(80 * MS, rel=0.1)
    assert task.records["big"].trips.p50_ns == pytest.approx(80 * MS, rel=0.1)
    assert task.records["huge"].trips.p50_ns is None


def test_a_late_answer_teaches_the_same_and_is_counted_apart(task: AskedTask) -> None:
    task.learn("huge", 160 * MS, 0, late=True)
    record = task.records["huge"]
    assert (record.answered, record.late) == (0, 1)
    assert record.trips.p50_ns == pytest.approx(160 * MS, rel=0.1)


def test_what_is_known_of_those_that_stay_and_of_the_way_is_known_on(task: AskedTask) -> None:
    task.sizes.learn("big", "meter:1", SIZE)
    before = task.records["big"]
    task.serve(["big", "other"], None, Sizes(["big", "other"]))
    assert task.records.keys() == {"big", "other"}
    assert task.records["big"] is before
    assert (task.labels, task.sizes.agreed(["big"])) == (None, SIZE)
    assert task.reach.patience_ns(0) is not None


def test_who_takes_part_no_more_is_counted_on(task: AskedTask) -> None:
    task.serve(["other"], None, Sizes())
    task.learn("big", 80 * MS, 0, late=False)
    assert task.records["big"].answered == 1


def test_after_a_withdrawal_the_way_is_learnt_anew_and_counts_go_on(task: AskedTask) -> None:
    task.withdraw()
    assert task.reach.patience_ns(0) is None
    assert task.records["big"].answered == 5
