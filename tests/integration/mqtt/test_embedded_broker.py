"""The demo broker, and the agent's connection at it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from roost_shared.mqtt.faults import BrokerRefusedError
from tests.support.driven import DrivenConnection
from tests.support.embedded_broker import EmbeddedBroker
from tests.support.mqtt_peer import MqttPeer

Make = Callable[..., DrivenConnection]
Connect = Callable[..., MqttPeer]


@pytest.fixture
def embedded() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


def test_the_agent_falls_back_to_3_1_1_and_remembers(embedded: EmbeddedBroker, driven: Make, connect: Connect) -> None:
    agent = driven(embedded.url, "in/+")
    agent.start()
    assert agent.connection.version == 4
    assert agent.errors == [], "a fallback is no error"
    attempts = agent.connection.number
    photo = bytes(range(256)) * 8192  # 2 MiB
    sensor = connect(embedded.port, version=4)
    sensor.subscribe("out")
    sensor.publish("in/a", photo)
    agent.until(lambda: agent.messages, "an input")
    assert agent.messages[0].payload == photo
    assert agent.connection.publish("out", b"answer", qos=1).handed
    assert sensor.next()[0].payload == b"answer"
    agent.connection.hold_off(0)
    agent.until(lambda: len(agent.sessions) == 2, "connected again")
    assert agent.connection.number == attempts + 1, "MQTT 5 was not tried again"


def test_it_keeps_a_retained_state_for_who_comes_later(embedded: EmbeddedBroker, connect: Connect) -> None:
    connect(embedded.port, version=4).publish("state", b"online", retain=True)
    operator = connect(embedded.port, version=4)
    operator.subscribe("state")
    assert operator.next()[0].retain


def test_it_ends_cleanly_when_told_to() -> None:
    with EmbeddedBroker() as broker, MqttPeer(broker.port, version=4):
        assert broker.stop() == 0


def test_with_a_password_file_it_lets_nobody_in_without_a_password(tmp_path: Path, driven: Make) -> None:
    file = tmp_path / "passwords"
    file.write_text(f"cam:{PasswordHash((Argon2Hasher(),)).hash('right')}\n")
    with EmbeddedBroker("--password-file", file) as broker:
        known = driven(broker.url, username="cam", password="right", client_id="a")
        known.start()
        stranger = driven(broker.url, username="cam", password="wrong", client_id="b")
        nobody = driven(broker.url, client_id="c")
        for refused in (stranger, nobody):
            refused.connection.start()
            errors = refused.errors
            refused.until(errors.__len__, "refused")
            assert isinstance(errors[0], BrokerRefusedError)
