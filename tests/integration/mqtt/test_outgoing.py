"""What we publish, at a real broker: what it will not take, and what has to wait."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from roost_edge.mqtt import Outcome, Properties
from tests.support.driven import DrivenConnection
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_peer import MqttPeer

Make = Callable[..., DrivenConnection]
Connect = Callable[..., MqttPeer]

SMALL = 20_000  # bytes
WINDOW = 20  # QoS 1 messages that may be unconfirmed


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that takes small packets only."""
    with Mosquitto(tmp_path, replace={"max_packet_size": str(SMALL)}) as broker:
        yield broker


def test_an_answer_that_its_correlation_makes_too_large_is_not_sent_and_the_next_input_is_answered(
    small: Mosquitto, driven: Make, connect: Connect
) -> None:
    agent = driven(small.url, "in/+")
    outcomes: list[Outcome] = []

    def answer(message: object) -> None:
        correlation = getattr(message, "correlation_data", None)
        properties = Properties(content_type="application/json", correlation_data=correlation)
        outcomes.append(agent.connection.publish("out", bytes(500), qos=1, properties=properties).outcome)

    agent.on_received = answer
    agent.start()
    sensor = connect(small.port)
    sensor.subscribe("out")
    sensor.publish("in/a", b"x", CorrelationData=bytes(19_700))
    sensor.publish("in/a", b"x", CorrelationData=b"next")
    agent.until(lambda: len(outcomes) == 2, "both inputs")
    (answered,) = sensor.next()
    assert vars(answered.properties)["CorrelationData"] == b"next"
    assert outcomes == [Outcome.TOO_LARGE, Outcome.HANDED]
    assert not agent.errors
    assert agent.connection.counters.connections == 1


@pytest.mark.parametrize("topic", ["out", "outäöü" * 50])
def test_nothing_that_is_taken_costs_the_connection_and_little_that_would_not_is_refused(
    small: Mosquitto, driven: Make, topic: str
) -> None:
    """Grow a packet byte by byte past the broker's limit."""
    agent = driven(small.url)
    agent.start()
    pairs = (("näme", "välue"), ("a", ""))
    fixed = Properties(
        content_type="ä", response_topic="b/ü", correlation_data=bytes(99), user_properties=pairs, expiry_s=9
    )
    outcomes = [
        agent.connection.publish(topic, bytes(payload_bytes), qos=1, properties=fixed).outcome
        for payload_bytes in range(SMALL - 1000, SMALL, 10)
    ]
    agent.until(lambda: agent.connection.can_hand(1), "all that was taken was confirmed")
    assert outcomes[0] is Outcome.HANDED
    assert outcomes[-1] is Outcome.TOO_LARGE
    assert not agent.errors
    assert agent.connection.counters.connections == 1


def test_what_can_be_handed_is_handed_and_what_cannot_waits(mosquitto: Mosquitto, driven: Make) -> None:
    agent = driven(mosquitto.url)
    assert not agent.connection.can_hand(0), "there is no connection"
    agent.start()
    mosquitto.pause()
    foreseen, outcomes = [], []
    for _ in range(WINDOW + 5):
        foreseen.append(agent.connection.can_hand(1))
        outcomes.append(agent.connection.publish("out", b"answer", qos=1).outcome)
    assert foreseen == [True] * WINDOW + [False] * 5
    assert outcomes == [Outcome.HANDED] * WINDOW + [Outcome.WAITING] * 5
    assert agent.connection.can_hand(0), "the window is for QoS 1"
    mosquitto.resume()
    agent.until(lambda: len(agent.confirmed_mids) == WINDOW + 5, "all confirmed")
    assert agent.connection.can_hand(1)


def test_nothing_can_be_handed_to_a_socket_that_is_full(mosquitto: Mosquitto, driven: Make) -> None:
    agent = driven(mosquitto.url, outgoing_limit_bytes=1 << 24)
    agent.start()
    mosquitto.pause()
    while agent.connection.publish("out", bytes(100_000)).outcome is Outcome.HANDED:
        pass
    assert not agent.connection.can_hand(0)
    assert agent.connection.publish("out", b"small").outcome is Outcome.WAITING
    mosquitto.resume()
    agent.until(lambda: agent.connection.can_hand(0), "the socket has room again")


def test_a_message_that_the_broker_will_not_have_is_counted_and_told(tmp_path: Path, driven: Make) -> None:
    rules = tmp_path / "rules"
    rules.write_text("topic read #\n")
    with Mosquitto(tmp_path, extra=f"acl_file {rules}") as broker:
        agent = driven(broker.url)
        agent.start()
        published = agent.connection.publish("out", b"x", qos=1)
        agent.until(lambda: agent.confirmed_mids == [published.mid], "told")
        assert agent.connection.counters.publishes_rejected == 1


def test_messages_that_a_broker_with_a_smaller_window_makes_us_drop_are_told_before_it_sends_anything(
    mosquitto: Mosquitto, driven: Make, tmp_path: Path
) -> None:
    agent = driven(mosquitto.url, "in/+")
    agent.start()
    mosquitto.pause()
    published = [agent.connection.publish("out", b"answer", qos=1) for _ in range(WINDOW + 5)]
    mosquitto.kill()
    smaller = Mosquitto(tmp_path, replace={"max_inflight_messages": "3", "listener": f"{mosquitto.port} 127.0.0.1"})
    smaller.port = mosquitto.port
    with smaller:
        agent.until(lambda: len(agent.sessions) == 2, "connected again")
        assert agent.dropped_mids == [one.mid for one in published]
        assert agent.connection.counters.publishes_dropped == WINDOW + 5
        later = agent.connection.publish("out", b"answer", qos=1)
        agent.until(lambda: agent.confirmed_mids, "a confirmation")
        assert agent.confirmed_mids == [later.mid]
        assert later.mid not in agent.dropped_mids
