"""The retained `state` at a real broker: stale wills, clones, and a broker that forgets."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from roost_shared.messages import State, decode_json, encode_json
from tests.support.embedded_broker import EmbeddedBroker
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_peer import MqttPeer
from tests.support.present_device import PresentDevice
from tests.support.proxy import Proxy

Connect = Callable[..., MqttPeer]
MakeDevice = Callable[..., PresentDevice]

versions = pytest.mark.parametrize("version", [5, 4])


@pytest.fixture
def device() -> Iterator[MakeDevice]:
    made: list[PresentDevice] = []

    def make(url: str, boot: str, **arguments: Any) -> PresentDevice:
        made.append(PresentDevice(url, boot=boot, **arguments))
        return made[-1]

    yield make
    for each in made:
        each.close()


def _state_of(operator: MqttPeer) -> State:
    return decode_json(bytes(operator.messages[-1].payload), State)


def _said(operator: MqttPeer, state: str, session: int, reason: str | None = None) -> bool:
    if not operator.messages:
        return False
    seen = _state_of(operator)
    return (seen.state, seen.session, seen.reason) == (state, session, reason)


@versions
def test_birth_will_rebirth_and_farewell(
    mosquitto: Mosquitto, proxy: Proxy, device: MakeDevice, connect: Connect, version: int
) -> None:
    operator = connect(mosquitto.port)
    operator.subscribe("state")
    agent = PresentDevice(proxy.url, boot="b", version=version)
    agent.start()
    agent.until(lambda: _said(operator, "online", 1), "born")
    proxy.refuse()
    agent.until(lambda: _said(operator, "offline", 1, "lost"), "the will")
    proxy.restore()
    agent.until(lambda: _said(operator, "online", agent.presence._session), "born again")
    session = agent.presence._session
    agent.until(lambda: not agent.connection._traffic._outgoing.unconfirmed, "confirmed")
    agent.close()
    operator.wait(lambda: _said(operator, "offline", session, "stopped"), "the farewell")
    device(mosquitto.url, boot="c", version=version).start()
    late = connect(mosquitto.port)
    late.subscribe("state")
    assert late.next()[0].retain


@versions
def test_a_stale_will_that_arrives_late_is_overwritten(
    mosquitto: Mosquitto, device: MakeDevice, connect: Connect, version: int
) -> None:
    operator = connect(mosquitto.port)
    operator.subscribe("state")
    agent = device(mosquitto.url, boot="b", version=version)
    agent.start()
    agent.until(lambda: _said(operator, "online", 1), "born")
    agent.until(lambda: agent.presence._echoed, "its birth came back")
    stale = State(state="offline", boot="b", session=0, reason="lost")
    operator.publish("state", encode_json(stale), retain=True)
    agent.until(lambda: len(operator.messages) == 3, "answered")
    assert _state_of(operator).state == "online"
    operator.publish("state", b"", retain=True)
    agent.until(lambda: len(operator.messages) == 5, "answered")
    operator.publish("state", b"\xff no state", retain=True)
    agent.until(lambda: len(operator.messages) == 7, "answered")
    assert _state_of(operator).state == "online"
    assert agent.announcer.unreadable == 1
    assert agent.announcer.problem is None


@versions
def test_clones_do_not_throw_each_other_out_for_ever(mosquitto: Mosquitto, device: MakeDevice, version: int) -> None:
    one = device(mosquitto.url, boot="one", version=version)
    one.start()
    one.until(lambda: one.presence._echoed, "its birth came back")
    other = PresentDevice(mosquitto.url, boot="other", version=version, reactor=one.reactor)
    other.start()
    one.until(lambda: one.announcer.problem or other.announcer.problem, "one stands down")
    leaving = one if one.announcer.problem else other
    assert leaving.announcer.problem == "duplicate_identity"
    assert not leaving.connection.connected
    assert len(one.sessions) + len(other.sessions) <= 7, "each may have been thrown out three times"
    other.close()


def test_it_works_at_the_embedded_broker(device: MakeDevice, connect: Connect) -> None:
    with EmbeddedBroker() as broker:
        operator = connect(broker.port, version=4)
        operator.subscribe("state")
        agent = PresentDevice(broker.url, boot="b")
        agent.start()
        agent.until(lambda: agent.presence._echoed, "born")
        agent.close()
        operator.wait(lambda: _state_of(operator).reason == "stopped", "the farewell")
        killed = device(broker.url, boot="c")
        killed.start()
        killed.until(lambda: killed.presence._echoed, "born")
        killed.kill()
        operator.wait(lambda: _state_of(operator).reason == "lost", "the will")
