"""What a broker may send and a strict reader stumbles over: it must not keep the device off the air."""

import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from roost_shared.mqtt.faults import BrokerUnreadableError
from tests.support.driven import DrivenConnection
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_peer import MqttPeer

Make = Callable[..., DrivenConnection]
Connect = Callable[..., MqttPeer]

NEW_SESSION = b"\x20\x03\x00\x00\x00"  # CONNACK of MQTT 5
OLD_SESSION = b"\x20\x02\x01\x00"  # CONNACK of MQTT 3.1.1: session present
BOM = "\ufeffhello"


@pytest.mark.parametrize(
    ("properties", "field", "expected"),
    [
        pytest.param({"UserProperty": [("note", BOM)]}, "user_properties", (("note", BOM),), id="user-property"),
        pytest.param({"UserProperty": [(BOM, "x")]}, "user_properties", ((BOM, "x"),), id="user-property-name"),
        pytest.param({"ContentType": BOM}, "content_type", BOM, id="content-type"),
        pytest.param({"ResponseTopic": BOM}, "response_topic", BOM, id="response-topic"),
    ],
)
def test_a_byte_order_mark_in_a_property_is_read_like_any_other_sign(
    mosquitto: Mosquitto, driven: Make, connect: Connect, properties: dict[str, Any], field: str, expected: object
) -> None:
    agent = driven(mosquitto.url, "in/+")
    agent.start()
    sensor = connect(mosquitto.port)
    sensor.publish("in/a", b"marked", **properties)
    sensor.publish("in/a", b"next")
    agent.until(lambda: len(agent.messages) == 2, "both inputs")
    assert not agent.errors
    assert getattr(agent.messages[0], field) == expected
    assert [message.payload for message in agent.messages] == [b"marked", b"next"]


@pytest.mark.parametrize(
    "properties",
    [
        pytest.param(b"\x05\x03\x00\x02a\x00", id="U+0000"),
        pytest.param(b"\x05\x03\x00\x02\xff\xfe", id="no UTF-8"),
        pytest.param(b"\x05\x03\x00\x09ab", id="longer than its property"),
        pytest.param(b"\x01\x03", id="no length"),
        pytest.param(b"\x02\x7f\x00", id="no such property"),
    ],
)
def test_a_property_that_cannot_be_read_twice_is_received_by_mqtt_3_1_1(driven: Make, properties: bytes) -> None:
    with _redelivering(properties) as port:
        agent = driven(f"mqtt://127.0.0.1:{port}", "in/+")
        agent.connection.start()
        agent.until(lambda: agent.messages, "the input")
        assert agent.messages[0].payload == b"x"
        assert [type(error) for error in agent.errors] == [BrokerUnreadableError] * 2
        assert agent.connection.version == 4
        assert agent.connection.counters.losses == 2


def test_no_broken_publish_harms_more_than_its_connection(driven: Make) -> None:
    draw = random.Random(5)
    whole = bytearray(b"\x00\x04in/a\x00\x01\x0b\x26\x00\x01a\x00\x01b\x09\x00\x02xypayload")
    for _ in range(60):
        broken = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            broken[draw.randrange(len(broken))] = draw.randrange(256)
        del broken[draw.randint(1, len(broken)) :]
        packet = bytes([0x30 | draw.choice([0, 2, 0xA, 4, 6]), len(broken)]) + broken
        _read_one(driven, NEW_SESSION + packet + b"\x30\x06\x00\x01e\x00ok")


def _read_one(driven: Make, sent: bytes) -> None:
    with _server(lambda _version: sent) as port:
        agent = driven(f"mqtt://127.0.0.1:{port}")
        agent.start()
        agent.until(lambda: agent.errors or b"ok" in [each.payload for each in agent.messages], "all was read")
        agent.connection.hold_off(10**12)


@contextmanager
def _redelivering(properties: bytes) -> Iterator[int]:
    """A broker that delivers a QoS 1 message with these property bytes to MQTT 5, and without to 3.1.1."""
    body = b"\x00\x04in/a\x00\x01"
    five = NEW_SESSION + _publish(body + properties + b"x")
    with _server(lambda version: five if version == 5 else OLD_SESSION + _publish(body + b"x")) as port:
        yield port


def _publish(body: bytes) -> bytes:
    return bytes([0x32, len(body)]) + body


@contextmanager
def _server(answer: Callable[[int], bytes]) -> Iterator[int]:
    """Accepts, reads a CONNECT, and sends the answer to its protocol level; closes at the end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        clients: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                clients.append(client)
                connect = client.recv(4096)
                if connect:
                    client.sendall(answer(connect[8]))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for client in clients:
            client.close()
