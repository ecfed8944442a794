"""The role `ingest`, from a real broker into real databases."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from roost_cloud.db import Database
from tests.support.embedded_fleet_broker import FleetBroker
from tests.support.ingesting import Ingesting, add_devices, birth, count_online, device_row, state_topic, will
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_peer import MqttPeer
from tests.support.unreadable import NO_JSON

Connect = Callable[..., MqttPeer]
Start = Callable[..., Ingesting]


@pytest.fixture
def start(database: Database) -> Iterator[Start]:
    roles: list[Ingesting] = []

    def start(url: str, **settings: Any) -> Ingesting:
        roles.append(Ingesting(url, database, **settings))
        return roles[-1]

    yield start
    for role in roles:
        role.stop()


def test_births_and_wills_become_presence(
    mosquitto: Mosquitto, database: Database, start: Start, connect: Connect
) -> None:
    add_devices(database, ["cam-01"])
    role = start(mosquitto.url)
    role.connected()
    cam = connect(mosquitto.port, will=(state_topic("cam-01"), will()))
    cam.publish(state_topic("cam-01"), birth(), retain=True)
    role.outcome("stored", 1)
    row = device_row(database, "cam-01")
    assert (row.state, row.boot, row.session, row.agent_version) == ("online", "b1", 1, "1.0")
    assert row.last_seen is not None
    cam.vanish()
    role.outcome("stored", 2)
    assert device_row(database, "cam-01").state == "offline"


def test_what_is_foreign_or_unreadable_is_counted_and_harms_nobody(
    mosquitto: Mosquitto, database: Database, start: Start, connect: Connect
) -> None:
    add_devices(database, ["cam-01"])
    role = start(mosquitto.url)
    role.connected()
    peer = connect(mosquitto.port)
    mine = state_topic("cam-01")
    garbage = [
        *filter(None, NO_JSON.values()), b"{}", b'{"state":"asleep","boot":"b","session":1}', birth(boot="b" * 65),
        birth(session=2**40), birth(session=-1), birth(boot="nul\0"), birth().replace(b"1,", b"9,", 1),
    ]  # fmt: skip
    for payload in garbage:
        peer.publish(mine, payload)
    peer.publish("roost/1/Acme/d/cam-01/state", birth())
    peer.publish(state_topic("cam-09"), birth())
    peer.publish(state_topic("cam-01", tenant="zeta"), birth())
    peer.publish(mine, birth())
    role.outcome("stored", 1)
    assert role.role.outcomes == {"unreadable": len(garbage) + 1, "unknown_device": 2, "stored": 1}
    assert role.role.problem is None
    assert role.metrics.get_sample_value("roost_ingest_messages_total", {"outcome": "stored"}) == 1


def test_a_cleared_state_is_no_presence(
    mosquitto: Mosquitto, database: Database, start: Start, connect: Connect
) -> None:
    add_devices(database, ["cam-01"])
    peer = connect(mosquitto.port)
    peer.publish(state_topic("cam-01"), birth(), retain=True)
    role = start(mosquitto.url)
    role.outcome("stored", 1)
    peer.publish(state_topic("cam-01"), b"", retain=True)
    role.outcome("stored", 2)
    row = device_row(database, "cam-01")
    assert (row.state, row.boot) == ("offline", None)
    peer.publish(state_topic("cam-01"), birth(), retain=True)
    role.outcome("stored", 3)
    assert device_row(database, "cam-01").state == "online"


def test_two_workers_agree(mosquitto: Mosquitto, database: Database, start: Start, connect: Connect) -> None:
    names = [f"cam-{number}" for number in range(50)]
    add_devices(database, names)
    roles = [start(mosquitto.url, client_id=f"roost-cloud-ingest-{number}") for number in range(2)]
    for role in roles:
        role.connected()
    peer = connect(mosquitto.port)
    for name in names:
        for payload in (birth(), will(), birth("b2", 1)):
            peer.publish(state_topic(name), payload, wait=False)
    roles[0].until(lambda: all(role.role.outcomes.total() == 150 for role in roles), "all seen")
    assert count_online(database) == 50
    assert {device_row(database, name).boot for name in names} == {"b2"}


@pytest.mark.campaign
def test_ten_thousand_retained_states_at_once(
    mosquitto: Mosquitto, database: Database, start: Start, connect: Connect
) -> None:
    names = [f"cam-{number}" for number in range(10_000)]
    add_devices(database, names)
    peer = connect(mosquitto.port)
    for name in names:
        peer.publish(state_topic(name), birth(), qos=0, retain=True, wait=False)
    peer.publish(state_topic("cam-0"), birth(session=2), retain=True)
    role = start(mosquitto.url)
    role.outcome("stored", 10_000)
    assert count_online(database) == 10_000


@pytest.mark.one_database("sqlite")  # with which the embedded broker comes
@pytest.mark.parametrize("count", [2000, pytest.param(10_000, marks=pytest.mark.campaign)])
def test_the_embedded_broker_hands_on_thousands_too(database: Database, start: Start, count: int) -> None:
    names = [f"cam-{number}" for number in range(count)]
    add_devices(database, names)
    with FleetBroker() as fleet:
        for name in names:  # as devices have published them
            fleet.run(fleet.retain(state_topic(name), birth()))
        role = start(fleet.url, **fleet.cloud)
        role.outcome("stored", count)
        assert count_online(database) == count
        role.stop()
