"""The role `ingest` when broker, database or itself go away in the middle."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy.orm import Session

from roost_cloud.broker.settings import Subscription
from roost_cloud.db import Database, DatabaseUnavailableError
from roost_cloud.ingest.states import STATE_TOPICS
from tests.support.embedded_fleet_broker import FleetBroker
from tests.support.ingesting import Ingesting, add_devices, birth, count_online, device_row, state_topic, will
from tests.support.mosquitto import Mosquitto, free_port
from tests.support.mqtt_peer import MqttPeer

NAMES = [f"cam-{number}" for number in range(100)]


class Outage(Database):
    """A database that can be away, before writing or after."""

    away = threading.Event()
    entered = threading.Event()

    @contextmanager
    def begin(self) -> Iterator[Session]:
        with super().begin() as session:
            yield session
            self.entered.set()
            if self.away.is_set():
                raise DatabaseUnavailableError("it is away")


@pytest.fixture
def outage(database_url: str) -> Iterator[Outage]:
    opened = Outage(database_url)
    add_devices(opened, NAMES)
    opened.entered.clear()
    yield opened
    opened.away.clear()
    opened.close()


def test_a_database_that_was_away_gets_everything_once_it_is_back(mosquitto: Mosquitto, outage: Outage) -> None:
    role = Ingesting(mosquitto.url, outage)
    try:
        role.connected()
        outage.away.set()
        with MqttPeer(mosquitto.port) as peer:
            for name in NAMES:
                peer.publish(state_topic(name), birth())  # not retained: only the broker's memory can bring it again
        role.until(lambda: role.role.problem == "it is away", "noticed")
        assert count_online(outage) == 0
        outage.away.clear()
        role.until(lambda: count_online(outage) == len(NAMES), "all stored")
        role.until(lambda: sum(role.role.outcomes.values()) >= len(NAMES), "and counted, which comes after")
        assert role.role.outcomes == {"stored": len(NAMES)}, "each once"
        assert role.role.problem is None
    finally:
        role.stop()


def test_what_a_stopped_role_had_in_hand_comes_again(mosquitto: Mosquitto, outage: Outage) -> None:
    lasting: dict[str, Any] = {"session_expiry_s": 60}
    first = Ingesting(mosquitto.url, outage, **lasting)
    first.connected()
    outage.away.set()
    with MqttPeer(mosquitto.port) as peer:
        for name in NAMES:
            peer.publish(state_topic(name), birth())
    assert outage.entered.wait(10)
    first.stop()
    assert count_online(outage) == 0
    outage.away.clear()
    second = Ingesting(mosquitto.url, outage, **lasting)
    try:
        second.until(lambda: count_online(outage) == len(NAMES), "all stored")
    finally:
        second.stop()


def test_a_broker_killed_under_load_costs_no_device_its_presence(mosquitto: Mosquitto, outage: Outage) -> None:
    role = Ingesting(mosquitto.url, outage)
    try:
        role.connected()
        for session in range(1, 4):
            peer = MqttPeer(mosquitto.port)
            for name in NAMES:
                peer.publish(state_topic(name), birth(session=session), retain=True, wait=False)
            mosquitto.kill()
            peer.close()
            mosquitto.start()
            with MqttPeer(mosquitto.port) as again:  # devices are born again when they are back
                for name in NAMES:
                    again.publish(state_topic(name), birth(boot="b2", session=session), retain=True)
        role.until(lambda: all(device_row(outage, name).session == 3 for name in NAMES), "all are known to be online")
        assert count_online(outage) == len(NAMES)
    finally:
        role.stop()


def test_an_embedded_broker_that_starts_anew_is_read_anew(outage: Outage) -> None:
    port = free_port()
    username = "acme/d/cam-0"
    device = {"version": 4, "client_id": username, "username": username, "password": FleetBroker.password(username)}
    fleet = FleetBroker(port=port)
    role = Ingesting(fleet.url, outage, subscriptions=(Subscription(STATE_TOPICS, 1),), **fleet.cloud)
    try:
        for payload, state, stored in ((birth(), "online", 1), (will("b2", 1), "offline", 3)):
            with MqttPeer(port, **device) as peer:  # type: ignore[arg-type]  # a mixed bag
                peer.publish(state_topic("cam-0"), payload, retain=True)
                role.outcome("stored", stored)
                assert device_row(outage, "cam-0").state == state
            fleet.stop()
            fleet = FleetBroker(port=port)
            with MqttPeer(port, **device) as peer:  # type: ignore[arg-type]
                peer.publish(state_topic("cam-0"), birth("b2", 1), retain=True)
            role.until(lambda: device_row(outage, "cam-0").boot == "b2", "read from the new one")
    finally:
        role.stop()
        fleet.stop()
