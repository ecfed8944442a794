"""What the MQTT intake makes of a message; its fuzzing is in tests/property."""

from typing import Any, cast

import pytest

from roost_edge.inputs import Input
from roost_edge.intake.mqtt import MqttIntake
from roost_edge.mqtt import BrokerConnection, Received
from roost_shared.clock import SECOND, SystemClock
from roost_shared.messages import ErrorInfo
from roost_shared.topics import DeviceTopics

TOPICS = DeviceTopics("acme", "cam-01")


class Rig:
    """An intake before nothing."""

    def __init__(self) -> None:
        self.taken: list[Input] = []
        self.refused: list[ErrorInfo] = []
        self.settled: list[int] = []
        self.intake = MqttIntake(
            TOPICS,
            cast("BrokerConnection", self),
            SystemClock(),
            boot="0123456789abcdef",
            operator_token_sha256=None,
            take=self.taken.append,
            refuse=lambda _, error: self.refused.append(error),
        )

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
