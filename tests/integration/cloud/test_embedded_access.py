"""The embedded broker's fence, at the real broker: publishing, subscribing, and every kind of delivery."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from amqtt.mqtt.connect import ConnectPacket, ConnectPayload, ConnectVariableHeader

from roost_cloud.broker import gate
from tests.support.embedded_fleet_broker import FleetBroker
from tests.support.mqtt_fixtures import connect
from tests.support.mqtt_peer import MqttPeer
from tests.support.waiting import until

__all__ = ["connect"]

CAM, OTHER, STRANGER = "acme/d/cam-01", "acme/d/cam-02", "zeta/d/cam-01"
Join = Callable[..., MqttPeer]


@pytest.fixture
def fleet() -> Iterator[FleetBroker]:
    with FleetBroker() as broker:
        yield broker


@pytest.fixture
def join(fleet: FleetBroker, connect: Callable[..., MqttPeer]) -> Join:
    """Connects a user as it should, or as the arguments say."""

    def join(username: str, **arguments: Any) -> MqttPeer:
        given = {"version": 4, "client_id": username, "password": fleet.password(username), **arguments}
        return connect(fleet.port, username=username, **given)

    return join


@pytest.fixture
def cloud(fleet: FleetBroker, connect: Callable[..., MqttPeer]) -> MqttPeer:
    return connect(fleet.port, version=4, client_id="roost-cloud-1", **fleet.cloud)


def topics(peer: MqttPeer, count: int) -> list[str]:
    return sorted(message.topic for message in peer.next(count))


def assert_nothing_came(peer: MqttPeer, last_topic: str, cloud: MqttPeer) -> None:
    """A message that surely comes is the first that comes."""
    cloud.publish(last_topic, b"last")
    assert [message.topic for message in peer.next(1)] == [last_topic]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({"password": "wrong"}, id="wrong password"),
        pytest.param({"password": None}, id="no password"),
        pytest.param({"client_id": OTHER}, id="another's client id"),
        pytest.param({"client_id": ""}, id="no client id"),
        pytest.param({"will": (f"roost/1/{OTHER}/state", b"offline")}, id="a will on another's topic"),
        pytest.param({"will": (f"roost/1/{CAM}/ask/+", b"offline")}, id="a will on a wildcard"),
    ],
)
def test_a_device_that_is_not_itself_is_refused(join: Join, fleet: FleetBroker, arguments: dict[str, Any]) -> None:
    with pytest.raises(ConnectionRefusedError):
        join(CAM, **arguments)
    assert fleet.broker.counts["refused"] == 1
    join(CAM, will=(f"roost/1/{CAM}/state", b"offline"))


@pytest.mark.parametrize(
    "username", ["roost-cloud", "acme", "acme/d/cam-01/sensor", "acme/x/cam-01", "", "Acme/d/cam"]
)
def test_a_name_of_no_identity_is_refused(join: Join, username: str) -> None:
    with pytest.raises(ConnectionRefusedError):
        join(username, client_id="x")


def test_nobody_knows_is_not_no(join: Join, fleet: FleetBroker) -> None:
    fleet.lookup_fails = True
    with pytest.raises(ConnectionRefusedError, match="unavailable"):
        join(CAM)


def test_a_device_writes_its_own_topics_and_no_others(join: Join, cloud: MqttPeer) -> None:
    for kind in ("state", "reported", "telemetry", "ask/+"):
        assert cloud.subscribe(f"roost/1/+/d/+/{kind}") == [1]
    cam = join(CAM)
    mine = ["state", "reported", "telemetry", "ask/meter"]
    for user in (OTHER, STRANGER, CAM):
        for kind in mine:
            cam.publish(f"roost/1/{user}/{kind}", b"x")
    assert topics(cloud, 4) == sorted(f"roost/1/{CAM}/{kind}" for kind in mine)
    assert cloud.messages == []


def test_a_device_subscribes_to_its_own_topics_and_no_others(join: Join) -> None:
    cam = join(CAM)
    for kind in ("desired", "score", "watermark", "state", "in/+", "in/meter"):
        assert cam.subscribe(f"roost/1/{CAM}/{kind}") == [1], kind
    for topic in (
        f"roost/1/{CAM}/#", f"roost/1/{CAM}/+", f"roost/1/{CAM}/in/#", f"roost/1/{CAM}/telemetry",
        f"roost/1/{CAM}/reported", f"roost/1/{OTHER}/state", f"roost/1/{STRANGER}/desired", "roost/1/acme/d/+/state",
        "#", "+", "$SYS/#", f"$share/x/roost/1/{OTHER}/desired",
    ):  # fmt: skip
        assert cam.subscribe(topic) == [0x80], topic


def test_the_cloud_writes_only_what_devices_read(join: Join, cloud: MqttPeer) -> None:
    cam = join(CAM)
    for kind in ("desired", "score", "watermark", "state", "in/+"):
        cam.subscribe(f"roost/1/{CAM}/{kind}")
    for kind in ("state", "in/meter", "desired", "score", "watermark"):
        cloud.publish(f"roost/1/{CAM}/{kind}", b"x")
    assert topics(cam, 3) == [f"roost/1/{CAM}/{kind}" for kind in ("desired", "score", "watermark")]
    for topic in ("#", "roost/#", "roost/1/+/d/+/in/+", "roost/1/+/d/+/desired"):
        assert cloud.subscribe(topic) == [0x80], topic


def test_the_cloud_asks_under_names_of_its_own_and_no_devices(join: Join, cloud: MqttPeer) -> None:
    cam, own = join(CAM), "roost/1/+/d/cloud.1a2b"
    assert cloud.subscribe(f"{own}/score") == [1]
    assert cloud.subscribe("roost/1/+/d/+/ask/+") == [1]
    for topic in ("roost/1/+/d/+/score", f"{own}/#", f"{own}/+", "roost/1/+/d/cloud/score", f"roost/1/{CAM}/score"):
        assert cloud.subscribe(topic) == [0x80], topic
    for device in ("acme/d/cloud.1a2b", "zeta/d/cloud.1a2b", CAM, "acme/d/cloud"):
        cloud.publish(f"roost/1/{device}/ask/meter", b"asked")
    asked = [f"roost/1/{tenant}/d/cloud.1a2b/ask/meter" for tenant in ("acme", "zeta")]
    assert topics(cloud, 2) == asked
    assert cam.subscribe("roost/1/acme/d/cloud.1a2b/score") == [0x80]
    cam.publish("roost/1/acme/d/cloud.1a2b/score", b"forged")
    cloud.publish("roost/1/acme/d/cloud.1a2b/score", b"scored")
    assert cloud.next()[0].payload == b"scored"


def test_a_device_has_only_its_own_words_on_itself_retained(join: Join, cloud: MqttPeer, fleet: FleetBroker) -> None:
    cam = join(CAM, will=(f"roost/1/{CAM}/ask/will", b"x"))
    cloud.subscribe("roost/1/+/d/+/ask/+")
    for kind in ("state", "reported", "telemetry", "ask/meter", "ask/state", "out/meter"):
        cam.publish(f"roost/1/{CAM}/{kind}", b"x", retain=True)
    assert topics(cloud, 2) == [f"roost/1/{CAM}/ask/meter", f"roost/1/{CAM}/ask/state"], "delivered all the same"
    cam.vanish()
    cloud.next()
    cloud.publish(f"roost/1/{CAM}/desired", b"x", retain=True)
    for kind in ("score", "watermark"):
        cloud.publish(f"roost/1/{CAM}/{kind}", b"x", retain=True)
    assert fleet.retained == {f"roost/1/{CAM}/{kind}" for kind in ("state", "reported", "desired")}


def test_a_task_is_called_by_a_name(join: Join, cloud: MqttPeer) -> None:
    cloud.subscribe("roost/1/+/d/+/ask/+")
    cam = join(CAM)
    for task in ("Meter", "", "a" * 64, "a b", "meter"):
        cam.publish(f"roost/1/{CAM}/ask/{task}", b"x")
    assert topics(cloud, 1) == [f"roost/1/{CAM}/ask/meter"]
    assert cloud.messages == []


@pytest.mark.parametrize("kind", [0x30, 0x82], ids=["publish", "subscribe"])
def test_a_packet_larger_than_any_input_is_not_waited_for(
    join: Join, cloud: MqttPeer, fleet: FleetBroker, kind: int
) -> None:
    cloud.subscribe("roost/1/+/d/+/ask/+")
    cam = join(CAM)
    cam.publish(f"roost/1/{CAM}/ask/meter", bytes(16 << 20))
    assert len(cloud.next()[0].payload) == 16 << 20
    connect = ConnectPacket(
        None,
        ConnectVariableHeader(0x02 | 0x80 | 0x40, 0),
        ConnectPayload(OTHER, username=OTHER, password=fleet.password(OTHER)),
    )
    with socket.create_connection(("127.0.0.1", fleet.port), timeout=10) as raw:
        raw.sendall(bytes(connect.to_bytes()))
        assert raw.recv(4) == b"\x20\x02\x00\x00"
        raw.sendall(bytes([kind, 0x80, 0x80, 0x80, 0x09]))  # 18 MiB are to come
        assert raw.recv(1) == b""


def test_who_reads_nothing_is_cut_off(join: Join, cloud: MqttPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "_UNREAD_S", 0.5)
    cloud.subscribe("roost/1/+/d/+/state")
    deaf = join(CAM, will=(f"roost/1/{CAM}/state", b"offline"))
    other = join(OTHER)
    for peer, user in ((deaf, CAM), (other, OTHER)):
        peer.subscribe(f"roost/1/{user}/desired")
    deaf.freeze()
    for _ in range(20):
        cloud.publish(f"roost/1/{CAM}/desired", bytes(1 << 20))
    assert cloud.next()[0].payload == b"offline"
    cloud.publish(f"roost/1/{OTHER}/desired", b"still there")
    assert other.next()[0].payload == b"still there"


def test_retained_messages_reach_their_subscribers_alone(join: Join, cloud: MqttPeer) -> None:
    cloud.subscribe("roost/1/+/d/+/state")  # amqtt would follow this for every newcomer
    for user in (CAM, OTHER, STRANGER):
        join(user).publish(f"roost/1/{user}/state", b"online", retain=True)
        cloud.publish(f"roost/1/{user}/desired", b"run", retain=True)
    assert len(cloud.next(3)) == 3
    cam = join(CAM)  # takes its own place
    for kind in ("desired", "score"):
        cam.subscribe(f"roost/1/{CAM}/{kind}")
    [message] = cam.next()
    assert (message.topic, message.retain) == (f"roost/1/{CAM}/desired", True)
    assert_nothing_came(cam, f"roost/1/{CAM}/score", cloud)


def test_each_subscriber_of_one_filter_is_handed_what_is_retained(
    join: Join, cloud: MqttPeer, fleet: FleetBroker, connect: Callable[..., MqttPeer]
) -> None:
    join(CAM).publish(f"roost/1/{CAM}/state", b"online", retain=True)
    other = connect(fleet.port, version=4, client_id="roost-cloud-2", **fleet.cloud)
    for reader, qos in ((cloud, 1), (other, 0)):
        reader.subscribe("roost/1/+/d/+/state", qos)
        [message] = reader.next()
        assert (message.payload, message.retain, message.qos) == (b"online", True, qos)
    broker = fleet.broker._broker
    assert broker is not None
    until(lambda: not broker._handing, "no hand-out is kept that is done")


def test_a_will_reaches_only_who_may_read_it(join: Join, cloud: MqttPeer) -> None:
    state = f"roost/1/{CAM}/state"
    cloud.subscribe("roost/1/+/d/+/state")
    other = join(OTHER)
    other.subscribe(f"roost/1/{OTHER}/score")
    cam = join(CAM, will=(state, b"offline"))
    cam.vanish()
    assert [(each.topic, each.payload) for each in cloud.next()] == [(state, b"offline")]
    assert_nothing_came(other, f"roost/1/{OTHER}/score", cloud)
    late = join(CAM)
    late.subscribe(state)
    assert late.next()[0].retain


def test_the_will_of_who_is_replaced_comes_before_the_birth_of_who_replaces(join: Join, cloud: MqttPeer) -> None:
    state = f"roost/1/{CAM}/state"
    cloud.subscribe("roost/1/+/d/+/state")
    first = join(CAM, will=(state, b"offline 1"))
    second = join(CAM, will=(state, b"offline 2"))
    second.publish(state, b"online 2")
    assert [message.payload for message in cloud.next(2)] == [b"offline 1", b"online 2"]
    first.wait(lambda: bool(first.disconnects), "disconnected")
    assert not second.disconnects


def test_a_wrong_password_throws_nobody_out(join: Join, cloud: MqttPeer) -> None:
    cloud.subscribe("roost/1/+/d/+/state")
    cam = join(CAM)
    cam.subscribe(f"roost/1/{CAM}/desired")
    with pytest.raises(ConnectionRefusedError):
        join(CAM, password="wrong")
    cloud.publish(f"roost/1/{CAM}/desired", b"still there")
    assert cam.next()[0].payload == b"still there"
    assert not cam.disconnects


@pytest.mark.parametrize("from_a_thread", [True, False])
def test_a_revoked_device_is_cut_at_once_and_stays_away(
    join: Join, cloud: MqttPeer, fleet: FleetBroker, *, from_a_thread: bool
) -> None:
    cloud.subscribe("roost/1/+/d/+/state")
    other = join(OTHER)
    cam = join(CAM, will=(f"roost/1/{CAM}/state", b"offline"))
    fleet.revoked.add(CAM)
    if from_a_thread:
        fleet.broker.disconnect_soon(CAM)
    else:
        fleet.run(fleet.broker.disconnect(CAM))
    cam.wait(lambda: bool(cam.disconnects), "disconnected")
    assert cloud.next()[0].payload == b"offline"
    with pytest.raises(ConnectionRefusedError):
        join(CAM)
    assert not other.disconnects


def test_who_falls_silent_is_given_up(join: Join, cloud: MqttPeer) -> None:
    cloud.subscribe("roost/1/+/d/+/state")
    cam = join(CAM, will=(f"roost/1/{CAM}/state", b"offline"), keep_alive_s=1)
    cam.freeze()
    assert cloud.next()[0].payload == b"offline"
