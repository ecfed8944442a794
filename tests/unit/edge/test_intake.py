"""What the MQTT intake makes of a message; its fuzzing is in tests/property."""

from typing import Any, cast

import pytest

from roost_edge.intake.inputs import Delivery, Input
from roost_edge.intake.mqtt import MqttIntake
from roost_edge.mqtt import BrokerConnection, Outcome, Published, Received
from roost_shared.clock import SECOND, SystemClock
from roost_shared.messages import Answer, ErrorInfo
from roost_shared.topics import DeviceTopics

TOPICS = DeviceTopics("acme", "cam-01")
ANSWER = Answer(
    id="1",
    task="meter",
    label="7",
    confidence=0.9,
    top=[("7", 0.9)],
    output=None,
    contestant="primary",
    bundle=None,
    reason="preferred",
    deadline_met=True,
    elapsed_ms=1.0,
    candidates=[],
    received_at="2026-01-01T00:00:00Z",
)
WAITING = Published(Outcome.WAITING, 70_001)
HANDED = Published(Outcome.HANDED, 70_002)
TOO_LARGE = Published(Outcome.TOO_LARGE)


class Rig:
    """An intake before nothing."""

    def __init__(self) -> None:
        self.taken: list[Input] = []
        self.refused: list[ErrorInfo] = []
        self.settled: list[int] = []
        self.published = HANDED
        self.handable: set[int] = set()
        self.intake = MqttIntake(
            TOPICS,
            cast("BrokerConnection", self),
            SystemClock(),
            boot="0123456789abcdef",
            operator_token_sha256=None,
            take=self.taken.append,
            refuse=lambda _, error: self.refused.append(error),
        )

    def publish(self, _topic: str, _payload: bytes, **_options: object) -> Published:
        return self.published

    def can_hand(self, qos: int) -> bool:
        return qos in self.handable

    def settle(self, receipt: int) -> None:
        self.settled.append(receipt)

    def receive(self, **fields: Any) -> Input:
        message: dict[str, Any] = {
            "topic": TOPICS.input("meter"),
            "payload": b"x",
            "qos": 1,
            "retain": False,
            "dup": False,
            "mid": 1,
            "receipt": 1,
            "redelivery_of": None,
            "backlog": False,
            "connection_number": 1,
            "received_ns": 5 * SECOND,
        }
        self.intake.receive(Received(**(message | fields)), "meter")
        return self.taken[-1]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_a_redelivery_of_a_settled_input_is_settled_again_and_asked_of_nobody(rig: Rig) -> None:
    rig.receive().reply.settled()
    rig.receive(dup=True, redelivery_of=1)
    assert len(rig.taken) == 1
    assert rig.settled == [1, 1]
    assert rig.intake.ignored_settled == 1


def test_a_redelivery_of_an_open_input_is_the_same_request_and_not_marked_as_another_boot_s(rig: Rig) -> None:
    first, again = rig.receive(), rig.receive(dup=True, redelivery_of=1)
    assert first.key == again.key
    assert (again.repeatable, again.redelivered) == (True, False)


def test_a_redelivery_nobody_here_knows_is_marked(rig: Rig) -> None:
    assert rig.receive(dup=True).redelivered


def test_an_input_expires_counted_from_its_receipt(rig: Rig) -> None:
    assert rig.receive().expires_ns is None
    assert rig.receive(expiry_s=3).expires_ns == 8 * SECOND


@pytest.mark.parametrize(
    ("correlation", "named"),
    [
        pytest.param(b"photo 7", "photo 7", id="printable"),
        pytest.param(b"\x00\x01", "0001", id="binary"),
        pytest.param("größe".encode(), "größe", id="utf-8"),
        pytest.param(bytes(1000), "", id="long"),
    ],
)
def test_the_caller_s_id_is_readable_and_short(rig: Rig, correlation: bytes, named: str) -> None:
    request = rig.receive(correlation_data=correlation)
    assert request.id == named or (not named and len(request.id) == 32)


def test_the_same_id_of_another_topic_or_reply_topic_is_another_request(rig: Rig) -> None:
    keys = [
        rig.receive(correlation_data=b"1").key,
        rig.receive(correlation_data=b"1", response_topic="replies/me").key,
        rig.receive(correlation_data=b"1", topic=TOPICS.input("other")).key,
        rig.receive(correlation_data=b"2").key,
    ]
    assert len(set(keys)) == 4
    assert rig.receive(correlation_data=b"1", receipt=9).key == keys[0]


def test_without_a_token_nobody_may_force(rig: Rig) -> None:
    rig.taken.append(rig.receive())
    rig.receive(user_properties=(("force", "primary"), ("operator-token", "")))
    assert [error.code for error in rig.refused] == ["force.refused"]


def test_an_input_whose_answer_waits_in_our_memory_is_settled_once_the_broker_has_the_answer(rig: Rig) -> None:
    rig.published = WAITING
    reply = rig.receive().reply
    assert reply.deliver(ANSWER) is Delivery.QUEUED
    reply.settled()
    rig.intake.confirmed(HANDED.mid or 0)
    assert rig.settled == []
    rig.intake.confirmed(WAITING.mid or 0)
    rig.intake.confirmed(WAITING.mid or 0)
    assert rig.settled == [1]


def test_a_redelivery_that_joins_an_input_whose_answer_waits_does_not_settle_it(rig: Rig) -> None:
    rig.published = WAITING
    first, again = rig.receive().reply, rig.receive(dup=True, redelivery_of=1).reply
    first.deliver(ANSWER)
    first.settled()
    again.settled()
    assert rig.settled == []


def test_a_redelivery_of_an_input_whose_answer_waits_is_asked_of_nobody_and_settled_with_it(rig: Rig) -> None:
    rig.published = WAITING
    reply = rig.receive().reply
    assert not reply.answered()
    reply.deliver(ANSWER)
    reply.settled()
    assert reply.answered()
    rig.receive(dup=True, redelivery_of=1)
    assert (len(rig.taken), rig.settled, rig.intake.ignored_waiting) == (1, [], 1)
    rig.intake.confirmed(WAITING.mid or 0)
    assert rig.settled == [1]
    assert reply.answered()


@pytest.mark.parametrize("later", [HANDED, TOO_LARGE])
def test_an_input_whose_waiting_answer_was_dropped_is_answered_when_it_comes_again(rig: Rig, later: Published) -> None:
    rig.published = WAITING
    reply = rig.receive().reply
    reply.deliver(ANSWER)
    reply.settled()
    rig.intake.dropped(HANDED.mid or 0)
    assert reply.answered()
    rig.intake.dropped(WAITING.mid or 0)
    assert not reply.answered()
    rig.published = later
    again = rig.receive(dup=True, redelivery_of=1).reply
    again.deliver(ANSWER)
    again.settled()
    assert rig.settled == [1]
    rig.intake.confirmed(WAITING.mid or 0)
    assert rig.settled == [1]


def test_a_qos_0_answer_that_waits_keeps_nothing(rig: Rig) -> None:
    rig.published = Published(Outcome.WAITING)
    reply = rig.receive(qos=0, receipt=None, mid=0).reply
    assert reply.deliver(ANSWER) is Delivery.QUEUED
    reply.settled()
    assert rig.settled == []


def test_an_answer_can_be_delivered_if_its_qos_can_be_handed(rig: Rig) -> None:
    rig.handable = {0}
    assert rig.receive(qos=0, receipt=None, mid=0).reply.can_deliver()
    assert not rig.receive().reply.can_deliver()
