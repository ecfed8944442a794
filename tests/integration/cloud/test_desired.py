"""What devices shall run, on its way to them and back: real brokers, real databases."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from roost_cloud.assignments import desired
from roost_cloud.db import Database
from roost_cloud.db.tables import AssignmentVersion, Device, DeviceAssignment, DeviceReport
from roost_cloud.fleet import devices
from roost_shared.assignment import REPORTED_LIMIT_BYTES, Reported
from roost_shared.messages import encode_json
from tests.support.embedded_fleet_broker import FleetBroker
from tests.support.ingesting import Ingesting, add_devices, birth, state_topic
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_peer import MqttPeer
from tests.support.unreadable import NO_JSON
from tests.support.waiting import until

Connect = Callable[..., MqttPeer]
Start = Callable[..., Ingesting]
CAM = "acme/d/cam-01"
DESIRED = f"roost/1/{CAM}/desired"
REPORTED = f"roost/1/{CAM}/reported"
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # where databases do not differ


@pytest.fixture
def start(database: Database) -> Iterator[Start]:
    roles: list[Ingesting] = []

    def start(url: str, **settings: Any) -> Ingesting:
        roles.append(Ingesting(url, database, **settings))
        return roles[-1]

    yield start
    for role in roles:
        role.stop()


def assign(database: Database, version: int, device: str = "cam-01", envelope: bytes = b"") -> bytes:
    """Make a version the newest, as whoever assigns does; what it is does not matter here."""
    envelope = envelope or f"{device} {version}".encode()
    now = datetime.now(UTC)
    with database.begin() as session:
        devices.locked(session, "acme", device)
        session.add(
            AssignmentVersion(
                tenant="acme",
                device=device,
                version=version,
                document={},
                envelope=envelope,
                issued_at=now,
                issued_by="test",
            )
        )
        session.flush()
        desired.state(session, "acme", device, version)
    return envelope


def report(version: int, believed: int | None = None, **fields: Any) -> bytes:
    """A report of a device."""
    believed = version if believed is None else believed
    return encode_json(Reported(**{"boot": "b1", "version": version, "desired": believed, **fields}))


def reported(database: Database) -> DeviceReport | None:
    with database.read() as session:
        return session.get(DeviceReport, ("acme", "cam-01"))


def told(database: Database) -> bool:
    """Whether there is nothing left to publish."""
    with database.read() as session:
        return not desired.due(session, 1)


def said_long_ago(database: Database) -> None:
    """Forget when devices were told last."""
    with database.begin() as session:
        for row in session.scalars(select(DeviceAssignment)):
            row.told_at = None


def payloads(peer: MqttPeer, count: int = 1) -> list[bytes]:
    return [bytes(message.payload) for message in peer.next(count)]


@on_sqlite
def test_a_device_is_told_at_once_and_finds_it_later(
    mosquitto: Mosquitto, database: Database, start: Start, connect: Connect
) -> None:
    add_devices(database, ["cam-01"])
    cam = connect(mosquitto.port)
    cam.subscribe(DESIRED)
    start(mosquitto.url).connected()
    first = assign(database, 1)
    assert payloads(cam) == [first]
    large = assign(database, 2, envelope=b"x" * (256 << 10))
    assert payloads(cam) == [large]
    until(lambda: told(database), "confirmed")
    late = connect(mosquitto.port)
    late.subscribe(DESIRED)
    (message,) = late.next()
    assert (bytes(message.payload), message.retain, message.qos) == (large, True, 1)


def test_what_a_broker_has_lost_it_is_told_again(
    mosquitto: Mosquitto, database: Database, start: Start, connect: Connect, tmp_path: Path
) -> None:
    """All of it, as soon as we are connected to it: nobody need have changed anything."""
    names = [f"cam-{number:03}" for number in range(130)]
    add_devices(database, names)
    for name in names:
        assign(database, 1, name)
    role = start(mosquitto.url)
    role.until(lambda: told(database), "all confirmed")
    mosquitto.kill()
    (tmp_path / "mosquitto" / "mosquitto.db").unlink(missing_ok=True)
    mosquitto.start()
    peer = connect(mosquitto.port)
    peer.subscribe("roost/1/+/d/+/desired")
    assert {message.topic.split("/")[4] for message in peer.next(130)} == set(names)


@on_sqlite
def test_the_embedded_broker_keeps_it_until_it_is_cleared(database: Database, start: Start, connect: Connect) -> None:
    add_devices(database, ["cam-01"])
    with FleetBroker() as fleet:
        role = start(fleet.url, **fleet.cloud)
        role.connected()
        large = assign(database, 1, envelope=b"x" * (256 << 10))
        role.until(lambda: told(database), "confirmed")
        cam = connect(fleet.port, version=4, client_id=CAM, username=CAM, password=fleet.password(CAM))
        cam.subscribe(DESIRED)
        assert payloads(cam) == [large]
        cam.publish(REPORTED, report(1, confirmed=True), retain=True)
        role.until(lambda: role.role.reported["stored"] == 1, "stored")
        with database.begin() as session:
            devices.revoke(session, "acme", "cam-01", actor="test", now=datetime.now(UTC))
        assert payloads(cam) == [b""]
        role.until(lambda: told(database), "cleared")
        assert DESIRED not in fleet.retained
        role.stop()


def test_a_device_that_shows_an_older_one_is_told_again(
    mosquitto: Mosquitto, database: Database, start: Start, connect: Connect
) -> None:
    add_devices(database, ["cam-01"])
    newest = assign(database, 2)
    role = start(mosquitto.url)
    role.until(lambda: told(database), "confirmed")
    cam = connect(mosquitto.port)
    cam.publish(DESIRED, b"an older one", retain=True)  # as if a broker had come back from a copy
    cam.subscribe(DESIRED)
    assert payloads(cam) == [b"an older one"]
    said_long_ago(database)
    cam.publish(REPORTED, report(1), retain=True)
    assert payloads(cam) == [newest]
    cam.publish(REPORTED, report(1, boot="b2"), retain=True)
    role.until(lambda: role.role.reported["stored"] == 2, "stored")
    assert told(database), "it has just been told: it shall have time to do something about it"
    said_long_ago(database)
    cam.publish(REPORTED, report(1, 2), retain=True)
    role.until(lambda: role.role.reported["stored"] == 3, "stored")
    assert told(database), "it has believed the newest, whatever it makes of it"


@on_sqlite
def test_a_device_that_is_born_and_has_never_said_what_it_runs_is_told_again(
    mosquitto: Mosquitto, database: Database, start: Start, connect: Connect
) -> None:
    add_devices(database, ["cam-01"])
    newest = assign(database, 1)
    role = start(mosquitto.url)
    role.until(lambda: told(database), "confirmed")
    cam = connect(mosquitto.port)
    cam.publish(DESIRED, b"", retain=True)
    cam.subscribe(DESIRED)
    said_long_ago(database)
    cam.publish(state_topic("cam-01"), birth(), retain=True)
    assert payloads(cam) == [newest]


@on_sqlite
def test_the_last_word_on_what_a_device_runs_is_kept(
    mosquitto: Mosquitto, database: Database, start: Start, connect: Connect
) -> None:
    add_devices(database, ["cam-01"])
    cam = connect(mosquitto.port)
    cam.publish(REPORTED, report(1), retain=True)
    role = start(mosquitto.url)  # it was said before anybody listened
    role.until(lambda: role.role.reported["stored"] == 1, "stored")
    cam.publish(REPORTED, report(2, confirmed=True), retain=True)
    cam.publish(REPORTED, report(2, confirmed=True), retain=True)
    role.until(lambda: role.role.reported["repeated"] == 1, "repeated")
    row = reported(database)
    assert row is not None
    assert (row.version, row.desired, row.confirmed, row.document) == (2, 2, True, report(2, confirmed=True))


@on_sqlite
def test_what_is_foreign_or_unreadable_harms_nobody(
    mosquitto: Mosquitto, database: Database, start: Start, connect: Connect
) -> None:
    add_devices(database, ["cam-01"])
    role = start(mosquitto.url)
    role.connected()
    peer = connect(mosquitto.port)
    garbage = [
        *filter(None, NO_JSON.values()), b"{}", report(-1), report(2**60), report(1, boot="x" * 65),
        report(1, boot="nul\0"), report(1, trust="nul\0"), b" " * (REPORTED_LIMIT_BYTES + 1),
        report(1).replace(b'"schema_version":1', b'"schema_version":9'),
    ]  # fmt: skip
    for payload in garbage:
        peer.publish(REPORTED, payload)
    peer.publish("roost/1/acme/d/Cam/reported", report(1))
    peer.publish("roost/1/acme/d/cam-99/reported", report(1))
    role.until(lambda: role.role.reported["unknown_device"] == 1, "the last of them")
    assert role.role.reported["unreadable"] == len(garbage) + 1
    assert reported(database) is None
    assert role.role.problem is None


def test_any_number_of_workers_leave_the_newest(
    mosquitto: Mosquitto, database: Database, start: Start, connect: Connect
) -> None:
    add_devices(database, ["cam-01"])
    for number in range(3):
        start(mosquitto.url, client_id=f"roost-cloud-ingest-{number}").connected()
    newest = b""
    for version in range(1, 6):
        newest = assign(database, version)
    until(lambda: told(database), "confirmed")
    cam = connect(mosquitto.port)
    cam.subscribe(DESIRED)
    assert payloads(cam)[-1] == newest


def test_a_device_deleted_while_it_speaks_is_nobody(
    mosquitto: Mosquitto, database: Database, start: Start, connect: Connect
) -> None:
    add_devices(database, ["cam-01"])
    role = start(mosquitto.url)
    role.connected()
    assign(database, 1)
    role.until(lambda: told(database), "confirmed")
    cam = connect(mosquitto.port)
    cam.publish(REPORTED, report(1))
    role.until(lambda: role.role.reported["stored"] == 1, "stored")
    with database.begin() as session:
        devices.revoke(session, "acme", "cam-01", actor="test", now=datetime.now(UTC))
        devices.delete(session, "acme", "cam-01", actor="test", now=datetime.now(UTC))
    cam.publish(REPORTED, report(1, boot="b2"))
    role.until(lambda: role.role.reported["unknown_device"] == 1, "unknown")
    role.until(lambda: told(database), "cleared")
    with database.read() as session:
        assert session.get(Device, ("acme", "cam-01")) is None
        assert reported(database) is None
        assert session.get(DeviceAssignment, ("acme", "cam-01")) is None
    late = connect(mosquitto.port)
    late.subscribe(DESIRED)
    late.publish(DESIRED, b"live")
    assert payloads(late) == [b"live"], "nothing is retained"
