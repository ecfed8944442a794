"""The cloud's own connection, at Mosquitto and at the embedded broker."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from roost_cloud.broker.faults import NotConnectedError
from roost_cloud.broker.link import BrokerLink
from roost_cloud.broker.message import Message
from roost_cloud.broker.settings import LinkSettings, Subscription
from tests.support.embedded_fleet_broker import FleetBroker
from tests.support.link import LinkReader
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_peer import MqttPeer

Connect = Callable[..., MqttPeer]
STATE = "roost/1/+/d/+/state"
MINE = "roost/1/acme/d/cam-01/state"


@pytest.fixture
def read() -> Iterator[Callable[..., LinkReader]]:
    readers: list[LinkReader] = []

    def read(url: str, **arguments: Any) -> LinkReader:
        readers.append(LinkReader(url, **arguments))
        return readers[-1]

    yield read
    for reader in readers:
        reader.close()


Read = Callable[..., LinkReader]


def test_it_receives_acknowledges_and_publishes(mosquitto: Mosquitto, read: Read, connect: Connect) -> None:
    device = connect(mosquitto.port, client_id="cam")
    device.publish(MINE, b"before", retain=True)
    device.subscribe("desired")
    reader = read(mosquitto.url, subscriptions=(Subscription(STATE, 1),))
    reader.wait_for(1)
    device.publish(MINE, b"after")
    reader.wait_for(2)
    assert [(each.payload, each.retained) for each in reader.messages] == [(b"before", True), (b"after", False)]
    reader.link.publish("desired", b"run")
    assert device.next()[0].payload == b"run"
    reader.link.publish("desired", b"run", qos=0)
    assert device.next()[0].qos == 0


def test_it_speaks_3_1_1_to_the_embedded_broker(read: Read) -> None:
    with FleetBroker() as fleet:
        reader = read(fleet.url, subscriptions=(Subscription(STATE, 1),), **fleet.cloud)
        reader.connected()
        with MqttPeer(
            fleet.port, version=4, client_id="acme/d/cam-01", username="acme/d/cam-01",
            password=fleet.password("acme/d/cam-01"),
        ) as device:  # fmt: skip
            device.publish(MINE, b"online", retain=True)
            reader.wait_for(1)


def test_what_is_not_acknowledged_comes_again(mosquitto: Mosquitto, read: Read, connect: Connect) -> None:
    lasting = {"client_id": "roost-cloud-1", "session_expiry_s": 60, "subscriptions": (Subscription("telemetry", 1),)}
    first = read(mosquitto.url, acknowledge=False, **lasting)
    first.connected()
    connect(mosquitto.port).publish("telemetry", b"window")
    first.wait_for(1)
    first.close()
    second = read(mosquitto.url, **lasting)
    assert second.wait_for(1)[0].payload == b"window"
    second.close()
    third = read(mosquitto.url, **lasting)
    third.connected()
    connect(mosquitto.port).publish("telemetry", b"next")
    assert [each.payload for each in third.wait_for(1)] == [b"next"]


def test_it_subscribes_anew_at_a_broker_that_forgot(mosquitto: Mosquitto, read: Read, connect: Connect) -> None:
    reader = read(mosquitto.url, subscriptions=(Subscription("a", 1), Subscription("$share/group/b", 1)))
    reader.connected()
    for _ in range(2):
        mosquitto.kill()
        reader.disconnected()
        with pytest.raises(NotConnectedError):
            reader.link.publish("a", b"")
        mosquitto.start()
        reader.connected()
        peer = connect(mosquitto.port)
        for topic in ("a", "b"):
            reader.messages.clear()
            peer.publish(topic, b"hello")
            reader.wait_for(1)


def test_it_reads_no_more_than_is_taken(mosquitto: Mosquitto, read: Read, connect: Connect) -> None:
    reader = read(mosquitto.url, incoming_limit=10, subscriptions=(Subscription("a", 0),), hold=True)
    reader.connected()
    peer = connect(mosquitto.port)
    for _ in range(2000):
        peer.publish("a", bytes(1000), qos=0, wait=False)
    peer.publish("a", b"last")
    reader.until(lambda: reader.link.waiting >= 10, "full")
    assert reader.link.waiting <= 10 + 100, "up to a hundred packets are read in a row"
    reader.release()
    reader.wait_for(1)
    reader.until(lambda: reader.messages[-1].payload == b"last", "the last one")


def test_finish_ends_batches_and_stop_the_rest(mosquitto: Mosquitto) -> None:
    link = BrokerLink(LinkSettings(url=mosquitto.url, client_id="x", subscriptions=(Subscription("a", 1),)))
    link.start()
    taken: list[Message] = []
    thread = threading.Thread(target=lambda: taken.extend(each for batch in link.batches(10) for each in batch))
    thread.start()
    link.finish()
    thread.join(60)
    assert not thread.is_alive()
    link.stop()
    with pytest.raises(NotConnectedError):
        link.publish("a", b"")


def test_it_says_what_is_wrong(read: Read) -> None:
    with FleetBroker() as fleet:
        reader = read(fleet.url, username="roost-cloud", password="wrong")
        reader.until(lambda: "refused" in (reader.link.problem or ""), "refused")
    reader.until(lambda: "refused" in (reader.link.problem or "").lower(), "unreachable")
