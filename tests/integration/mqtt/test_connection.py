"""The connection at a real Mosquitto, by MQTT 5 and by 3.1.1."""

import socket
from collections.abc import Callable

import pytest

from roost_edge.mqtt import Outcome, Properties
from tests.support.driven import DrivenConnection
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_peer import MqttPeer

Make = Callable[..., DrivenConnection]
Connect = Callable[..., MqttPeer]


def test_an_input_comes_with_its_properties_and_an_answer_goes_with_its_own(
    mosquitto: Mosquitto, driven: Make, connect: Connect
) -> None:
    agent = driven(mosquitto.url, "in/+")
    agent.start()
    assert agent.connection.version == 5
    sensor = connect(mosquitto.port)
    sensor.subscribe("reply/to/me")
    sensor.publish(
        "in/meter",
        b"\xff\xd8 a photo",
        ResponseTopic="reply/to/me",
        CorrelationData=b"c-1",
        ContentType="image/jpeg",
        MessageExpiryInterval=7,
        UserProperty=[("deadline-ms", "250"), ("x", "y")],
    )
    agent.until(lambda: agent.messages, "an input")
    message = agent.messages[0]
    assert (message.topic, message.payload, message.qos) == ("in/meter", b"\xff\xd8 a photo", 1)
    assert (message.response_topic, message.correlation_data) == ("reply/to/me", b"c-1")
    assert (message.content_type, message.expiry_s) == ("image/jpeg", 7)
    assert message.user_properties == (("deadline-ms", "250"), ("x", "y"))
    assert (message.retain, message.dup, message.backlog, message.redelivery_of) == (False, False, False, None)

    properties = Properties(correlation_data=b"c-1", content_type="application/json", user_properties=(("a", "b"),))
    published = agent.connection.publish("reply/to/me", b"{}", qos=1, properties=properties)
    assert published.handed
    agent.until(lambda: agent.confirmed_mids == [published.mid], "confirmed")
    answer = sensor.next()[0]
    assert answer.payload == b"{}"
    answered_with = vars(answer.properties)
    assert answered_with["CorrelationData"] == b"c-1"
    assert answered_with["ContentType"] == "application/json"


@pytest.mark.parametrize("version", [5, 4])
def test_a_3_1_1_sensor_is_heard_and_answered(
    mosquitto: Mosquitto, driven: Make, connect: Connect, version: int
) -> None:
    agent = driven(mosquitto.url, "in/+", version=version)
    agent.start()
    assert agent.connection.version == version
    sensor = connect(mosquitto.port, version=4)
    sensor.subscribe("out/meter", qos=0)
    sensor.publish("in/meter", b"photo", qos=2)
    agent.until(lambda: agent.messages, "an input")
    message = agent.messages[0]
    assert message.qos == 1, "QoS 2 comes as QoS 1"
    assert (message.response_topic, message.correlation_data, message.user_properties) == (None, None, ())
    assert agent.connection.publish("out/meter", b"answer", properties=Properties(content_type="x")).handed
    assert sensor.next()[0].payload == b"answer"


def test_small_packets_leave_at_once(mosquitto: Mosquitto, driven: Make) -> None:
    agent = driven(mosquitto.url)
    agent.start()
    sock = agent.connection._link.socket
    assert sock is not None
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_publishing_from_within_an_event_reaches_the_socket_at_once(
    mosquitto: Mosquitto, driven: Make, connect: Connect
) -> None:
    agent = driven(mosquitto.url, "in/+")
    handed: list[bool] = []
    agent.on_received = lambda message: handed.append(agent.connection.publish("out", message.payload).handed)
    agent.start()
    sensor = connect(mosquitto.port)
    sensor.subscribe("out")
    sensor.publish("in/a", b"x", wait=False)
    agent.until(lambda: handed, "answered")
    assert handed == [True]
    assert sensor.next()[0].payload == b"x"


def test_a_large_input_comes_whole(mosquitto: Mosquitto, driven: Make, connect: Connect) -> None:
    agent = driven(mosquitto.url, "in/+")
    agent.start()
    photo = bytes(range(256)) * (18 << 12)  # 18 MiB, about what the broker takes
    connect(mosquitto.port).publish("in/a", photo, wait=False)
    agent.until(lambda: agent.messages, "a large input", timeout_s=60)
    assert agent.messages[0].payload == photo


def test_no_more_come_than_we_settle(mosquitto: Mosquitto, driven: Make, connect: Connect) -> None:
    agent = driven(mosquitto.url, "in/+", in_flight=5)  # told to the broker as Receive Maximum
    agent.hold = True
    agent.start()
    sensor = connect(mosquitto.port)
    for number in range(12):
        sensor.publish("in/a", b"%d" % number)
    agent.until(lambda: len(agent.messages) == 5, "a window of inputs")
    last_first = [message.receipt for message in reversed(agent.messages)]
    for receipt in last_first[:-1]:
        assert receipt is not None
        agent.connection.settle(receipt)
    assert agent.connection.unacknowledged == 5, "the oldest is not settled"
    agent.hold = False
    assert last_first[-1] is not None
    agent.connection.settle(last_first[-1])
    agent.until(lambda: len(agent.messages) == 12, "the rest")
    assert [message.payload for message in agent.messages] == [b"%d" % number for number in range(12)]


@pytest.mark.parametrize("version", [5, 4])
def test_what_was_queued_while_away_is_backlog_and_what_comes_after_is_not(
    mosquitto: Mosquitto, driven: Make, connect: Connect, version: int
) -> None:
    first = DrivenConnection(mosquitto.url, "in/+", in_flight=3, version=version)
    first.start()
    first.until(lambda: not first.connection._traffic.unacknowledged, "settled")
    first.close()
    sensor = connect(mosquitto.port)
    for number in range(10):
        sensor.publish("in/a", b"%d" % number)
    agent = driven(mosquitto.url, "in/+", in_flight=3, version=version)
    agent.start()
    assert agent.sessions == [True]
    agent.until(lambda: len(agent.messages) == 10, "the backlog")
    agent.until(lambda: not agent.connection._traffic._backlog._draining, "quiet")
    sensor.publish("in/a", b"live")
    agent.until(lambda: len(agent.messages) == 11, "a live input")
    assert [message.backlog for message in agent.messages] == [True] * 10 + [False]


def test_a_retained_input_is_marked(mosquitto: Mosquitto, driven: Make, connect: Connect) -> None:
    connect(mosquitto.port).publish("in/a", b"old", retain=True)
    agent = driven(mosquitto.url, "in/+")
    agent.start()
    agent.until(lambda: agent.messages, "the retained message")
    assert agent.messages[0].retain
    assert not agent.messages[0].backlog


def test_nothing_is_taken_without_a_broker(driven: Make, mosquitto: Mosquitto) -> None:
    agent = driven(mosquitto.url)
    assert agent.connection.publish("out", b"x", qos=1).outcome is Outcome.NOT_CONNECTED
    assert agent.connection.counters.publishes_refused == 1


def test_stopping_waits_for_the_last_word_to_arrive(mosquitto: Mosquitto, connect: Connect) -> None:
    operator = connect(mosquitto.port)
    operator.subscribe("state")
    agent = DrivenConnection(mosquitto.url)
    agent.start()
    agent.connection.publish("state", b"stopped", qos=1, retain=True)
    agent.close()
    assert operator.next()[0].payload == b"stopped"
    assert len(agent.confirmed_mids) == 1
    operator.wait(lambda: "Client cam-01 disconnected." in mosquitto.log, "our goodbye in the broker's log")
