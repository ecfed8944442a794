from typing import cast

from roost_edge.desk.backlog_queue import AHEAD, BacklogQueue
from roost_edge.intake.inputs import Input, Reply
from roost_shared.clock import MS

DEADLINE_NS = 300 * MS


def an_input(key: str) -> Input:
    return Input(
        key=key,
        id=key,
        task="meter",
        payload=b"image",
        content_type=None,
        received_ns=0,
        received_at="",
        reply=cast("Reply", None),
        backlog=True,
    )


def a_queue(*keys: str) -> BacklogQueue:
    queue = BacklogQueue()
    for key in keys:
        queue.put(an_input(key), DEADLINE_NS, now_ns=0)
    return queue


def taken(queue: BacklogQueue, unanswered: int, now_ns: int) -> str | None:
    given = queue.take(unanswered, now_ns)
    return None if given is None else given.key


def test_while_few_are_unanswered_they_go_in_the_order_they_came() -> None:
    queue = a_queue("a", "b")
    assert [taken(queue, AHEAD - 1, 0) for _ in range(3)] == ["a", "b", None]


def test_of_a_busy_desk_each_waits_for_its_turn_which_comes_a_deadline_after_the_last() -> None:
    queue = a_queue("a", "b")
    assert taken(queue, AHEAD, DEADLINE_NS - 1) is None
    assert taken(queue, AHEAD, DEADLINE_NS + 7) == "a"
    assert queue.due_ns == 2 * DEADLINE_NS + 7
    assert taken(queue, AHEAD, 2 * DEADLINE_NS + 6) is None
    assert taken(queue, AHEAD, 2 * DEADLINE_NS + 7) == "b"


def test_the_first_to_wait_sets_the_clock_and_an_empty_queue_is_never_due() -> None:
    queue = a_queue("a")
    queue.put(an_input("b"), DEADLINE_NS, now_ns=100 * MS)
    assert (len(queue), queue.due_ns) == (2, DEADLINE_NS)
    assert [taken(queue, 0, 0), taken(queue, 0, 0)] == ["a", "b"]
    assert queue.due_ns is None
