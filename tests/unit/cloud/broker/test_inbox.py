"""What has come to the cloud waits until a role takes it."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from paho.mqtt.client import MQTTMessage

from roost_cloud.broker.inbox import Inbox
from roost_cloud.broker.message import Message
from tests.support.cloud import ManualClock

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def message(mid: int) -> Message:
    return Message("a", b"", 1, retained=False, received_ns=0, received_at=NOON, connection=1, mid=mid)


def mids(batch: list[Message] | None) -> list[int]:
    assert batch is not None
    return [one.mid for one in batch]


@pytest.fixture
def inbox() -> Inbox:
    inbox = Inbox()
    for mid in (1, 2, 3):
        inbox.put(message(mid))
    return inbox


def soon(do: Callable[[], object]) -> threading.Thread:
    timer = threading.Timer(0.05, do)
    timer.start()
    return timer


def test_batches_are_in_order_and_no_larger_than_asked_for(inbox: Inbox) -> None:
    assert mids(inbox.next_batch(2)) == [1, 2]
    assert mids(inbox.next_batch(2)) == [3]


def test_all_is_taken_at_once_without_waiting(inbox: Inbox) -> None:
    assert mids(inbox.take()) == [1, 2, 3]
    assert (inbox.take(), len(inbox)) == ([], 0)


def test_a_batch_waits_for_its_first_message() -> None:
    inbox = Inbox()
    thread = soon(lambda: inbox.put(message(7)))
    assert mids(inbox.next_batch(10)) == [7]
    thread.join()


def test_a_batch_waits_for_more_until_it_is_whole(inbox: Inbox) -> None:
    thread = soon(lambda: inbox.put(message(4)))
    assert mids(inbox.next_batch(4, max_wait_s=60)) == [1, 2, 3, 4]
    thread.join()


def test_a_batch_that_does_not_become_whole_is_handed_out_even_so(inbox: Inbox) -> None:
    assert mids(inbox.next_batch(4, max_wait_s=0.01)) == [1, 2, 3]


@pytest.mark.parametrize("max_wait_s", [0, 60])
def test_once_finished_it_hands_out_no_batch_and_what_waits_can_still_be_taken(
    inbox: Inbox, max_wait_s: float
) -> None:
    thread = soon(inbox.finish)
    if not max_wait_s:
        thread.join()
    assert inbox.next_batch(4, max_wait_s) is None
    thread.join()
    assert mids(inbox.take()) == [1, 2, 3]


@pytest.mark.parametrize(("topic", "told"), [(b"roost/1", "roost/1"), (b"\xff", "")], ids=["readable", "unreadable"])
def test_a_message_tells_when_and_on_which_connection_it_came(topic: bytes, told: str) -> None:
    received = MQTTMessage(mid=9, topic=topic)
    received.payload, received.qos, received.retain = b"hello", 1, True
    clock = ManualClock()
    assert Message.of(received, 3, clock) == Message(
        told, b"hello", 1, retained=True, received_ns=clock.now_ns(), received_at=clock.wall(), connection=3, mid=9
    )
