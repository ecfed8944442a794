"""Devices' records, from a real broker into real databases, and the watermarks that come back."""

from collections.abc import Callable, Iterator
from datetime import UTC
from typing import Any, TypeVar

import msgspec
import pytest
from sqlalchemy import select

from roost_cloud.db import Base, Database
from roost_cloud.db.tables import DroppedInput, LateScore, RecordLog, Sample, SampleScore, TaskPolicy, Window
from roost_cloud.ingest.records import TELEMETRY_TOPICS, shared_telemetry
from roost_shared.records import (
    DroppedRecord,
    Record,
    Watermark,
    decode_msgpack,
    decode_record,
    encode_record,
)
from tests.support.embedded_fleet_broker import FleetBroker
from tests.support.ingesting import Ingesting, add_devices
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_peer import MqttPeer
from tests.support.telling import BOOT, TellingDevice, batch, late, policy, sample, window

Connect = Callable[..., MqttPeer]
Start = Callable[..., Ingesting]
_Table = TypeVar("_Table", bound=Base)
ROOT = "roost/1/acme/d/cam-01"


@pytest.fixture
def start(database: Database) -> Iterator[Start]:
    roles: list[Ingesting] = []

    def start(url: str, **settings: Any) -> Ingesting:
        roles.append(Ingesting(url, database, **settings))
        roles[-1].connected()
        return roles[-1]

    yield start
    for role in roles:
        role.stop()


@pytest.fixture
def cam(mosquitto: Mosquitto, database: Database, connect: Connect) -> MqttPeer:
    add_devices(database, ["cam-01", "cam-02"])
    peer = connect(mosquitto.port)
    peer.subscribe("roost/1/+/d/+/watermark")
    return peer


def rows(database: Database, table: type[_Table]) -> list[_Table]:
    with database.read() as session:
        return list(session.scalars(select(table).order_by(*table.__table__.primary_key)))


def heard(peer: MqttPeer, device: str = "cam-01") -> Watermark:
    [message] = peer.next()
    assert message.topic == f"roost/1/acme/d/{device}/watermark"
    assert not message.retain
    return decode_msgpack(bytes(message.payload), Watermark)


def test_every_kind_of_record_becomes_rows(
    mosquitto: Mosquitto, database: Database, start: Start, cam: MqttPeer
) -> None:
    role = start(mosquitto.url)
    told: list[Record] = [
        policy(),
        sample(1, policy=policy().digest),
        sample(2, payload=None, kept_for=[], recorded="all", label=None, confidence=None, contestant=None),
        late(1, output=[0.5, 0.25]),
        late(2, differs=False),
        window(5, contestant="primary"),
        DroppedRecord(samples=[f"{BOOT}-1"], reason="thinned"),
    ]
    cam.publish(f"{ROOT}/telemetry", batch(told))
    assert heard(cam) == Watermark(boot=BOOT, sequence=7)
    first, second = rows(database, Sample)
    assert (first.task, first.label, first.confidence, first.contestant) == ("meter", "7", 0.75, "primary")
    assert (first.kept_for, first.probability, first.recorded) == ("base_rate", 0.25, "kept")
    assert (first.content_type, first.size_bytes) == ("image/png", 8)
    assert [(one.sample, one.reason) for one in rows(database, DroppedInput)] == [(f"{BOOT}-1", "thinned")]
    assert first.captured_at == "2026-11-24T11:59:00.000+00:00"
    assert first.received_at.tzinfo is UTC
    assert decode_record(first.record) == told[1]
    assert first.policy == rows(database, TaskPolicy)[0].digest
    assert first.disagreement, "the late score differs"
    assert (second.label, second.sha256, second.kept_for, second.disagreement) == (None, None, "", False)
    assert first.received_at < second.received_at, "in the order of their batch"
    scores = rows(database, SampleScore)
    assert [(one.sample, one.contestant, one.label, one.error) for one in scores] == [
        (f"{BOOT}-{number}", contestant, label, error)
        for number in (1, 2)
        for contestant, label, error in (("backup", None, "worker.died"), ("primary", "7", None))
    ]
    assert [(one.sample, one.contestant, one.differs) for one in rows(database, LateScore)] == [
        (f"{BOOT}-1", "cloud", True),
        (f"{BOOT}-2", "cloud", False),
    ]
    [seen] = rows(database, Window)
    assert (seen.boot, seen.sequence, seen.contestant, seen.count) == (BOOT, 6, "primary", 5)
    assert decode_record(seen.record) == told[5]
    assert role.counted("records", kind="sample") == 2
    role.until(lambda: role.counted("watermarks", outcome="confirmed") == 1, "counted, once the broker has it")


def test_what_comes_again_or_too_early_is_stored_once_and_answered(
    mosquitto: Mosquitto, database: Database, start: Start, cam: MqttPeer
) -> None:
    role = start(mosquitto.url)
    told = [sample(number) for number in range(1, 11)]
    steps = [(1, 4, 4), (1, 4, 4), (7, 4, 4), (8, 2, 4), (3, 4, 10), (1, 10, 10), (2, 1, 10)]
    for first, count, watermark in steps:
        cam.publish(f"{ROOT}/telemetry", batch(told[first - 1 :][:count], first=first))
        assert heard(cam).sequence == watermark
    assert len(rows(database, Sample)) == 10
    counted = {outcome: role.counted("batches", outcome=outcome) for outcome in ("stored", "repeated")}
    assert counted == {"stored": 3, "repeated": 4}
    assert role.counted("records", kind="sample") == 10


def test_what_is_said_of_a_sample_may_come_before_it(
    mosquitto: Mosquitto, database: Database, start: Start, cam: MqttPeer
) -> None:
    start(mosquitto.url)
    dropped = DroppedRecord(samples=[f"{BOOT}-1"], reason="quota")
    steps: list[tuple[int, list[Record], int]] = [
        (4, [late(1), late(2, differs=False)], 0),
        (1, [sample(1), sample(2)], 2),
        (3, [dropped], 5),
    ]
    for first, told, watermark in steps:
        cam.publish(f"{ROOT}/telemetry", batch(told, first=first))
        assert heard(cam).sequence == watermark
    assert [(row.sample, row.disagreement) for row in rows(database, Sample)] == [
        (f"{BOOT}-1", True),
        (f"{BOOT}-2", False),
    ]
    assert [log.ahead for log in rows(database, RecordLog)] == [msgspec.msgpack.encode(())]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_an_answer_whose_input_is_kept_after_all_is_known_by_why(
    mosquitto: Mosquitto, database: Database, start: Start, cam: MqttPeer, order: tuple[int, int]
) -> None:
    start(mosquitto.url)
    told = [
        sample(1, payload=None, kept_for=[], recorded="all", probability=0.01),
        sample(1, kept_for=["late"], recorded="all", probability=1.0),
    ]
    for number in order:
        cam.publish(f"{ROOT}/telemetry", batch([told[number]], first=number + 1))
        heard(cam)
    [row] = rows(database, Sample)
    assert (row.kept_for, row.probability, row.size_bytes) == ("late", 1.0, len(b"an input"))
    assert decode_record(row.record) == told[1]


def test_what_a_device_had_to_drop_is_passed_and_counted(
    mosquitto: Mosquitto, database: Database, start: Start, cam: MqttPeer
) -> None:
    role = start(mosquitto.url)
    cam.publish(f"{ROOT}/telemetry", batch([sample(1)]))
    assert heard(cam).sequence == 1
    cam.publish(f"{ROOT}/telemetry", batch([sample(9), sample(10)], first=9, oldest=5))
    assert heard(cam).sequence == 4, "5 to 8 may still come"
    cam.publish(f"{ROOT}/telemetry", batch([sample(9), sample(10)], first=9, oldest=9))
    assert heard(cam).sequence == 10
    [log] = rows(database, RecordLog)
    assert (log.watermark, log.lost) == (10, 7)
    assert role.counted("records", kind="lost") == 7


def test_a_batch_that_brings_nothing_is_told_how_far_we_are(
    mosquitto: Mosquitto, database: Database, start: Start, cam: MqttPeer
) -> None:
    start(mosquitto.url)
    cam.publish(f"{ROOT}/telemetry", batch([], first=5, oldest=5))
    assert heard(cam).sequence == 4
    assert rows(database, Sample) == []


UNREADABLE: dict[str, bytes] = {
    "no MessagePack": b"\xc1",
    "no record": b"\x81\xa4kind\xa3new",
    "a label that is no text": encode_record(sample(1)).replace(b"\xa5label\xa17", b"\xa5label\x07"),
    "a sample's name": encode_record(sample(1, boot="a/b")),
    "a sample's name with a zero": encode_record(sample(1, boot="a\0b")),
    "a task's name": encode_record(sample(1, task="Meter\0")),
    "a contestant's name": encode_record(late(1, contestant="")),
    "a confidence above 1": encode_record(sample(1, confidence=1.5)),
    "a confidence that is no number": encode_record(late(1, confidence=float("nan"))),
    "an endless time": encode_record(sample(1, elapsed_ms=float("inf"))),
    "a digest": encode_record(msgspec.structs.replace(sample(1), policy="x" * 64)),
    "a policy of another digest": encode_record(msgspec.structs.replace(policy(), digest="0" * 64)),
    "a count that no database holds": encode_record(window(1, count=2**64 - 1)),
    "a negative count": encode_record(window(1, count=-1)),
    "nested too deep": encode_record(late(1, output=msgspec.json.decode(b"[" * 100 + b"]" * 100))),
    "nothing JSON can tell": encode_record(late(1, output=msgspec.msgpack.Ext(5, b"x"))),
    "larger than a record": encode_record(late(1, output="x" * (1 << 20))),
}


def test_garbage_costs_itself_alone(
    mosquitto: Mosquitto, database: Database, start: Start, cam: MqttPeer, caplog: pytest.LogCaptureFixture
) -> None:
    role = start(mosquitto.url)
    told: list[Record | bytes] = [sample(1), *UNREADABLE.values(), sample(2)]
    cam.publish(f"{ROOT}/telemetry", batch(told))
    assert heard(cam).sequence == len(told)
    assert [row.sample for row in rows(database, Sample)] == [f"{BOOT}-1", f"{BOOT}-2"]
    assert role.counted("records", kind="unreadable") == len(UNREADABLE)
    assert len([line for line in caplog.messages if "of acme/d/cam-01" in line]) == 1, "named once a minute"
    assert [*rows(database, LateScore), *rows(database, TaskPolicy), *rows(database, Window)] == []


def test_texts_that_are_merely_shown_are_cut_to_fit(
    mosquitto: Mosquitto, database: Database, start: Start, cam: MqttPeer
) -> None:
    start(mosquitto.url)
    long = msgspec.structs.replace(sample(1, label="é\0" * 500, received_at="t" * 500, bundle="b" * 999))
    cam.publish(f"{ROOT}/telemetry", batch([long]))
    assert heard(cam).sequence == 1
    [row] = rows(database, Sample)
    assert row.label == ("é�" * 500)[:256]
    assert decode_record(row.record) == long


def test_batches_that_are_none_are_counted_and_answered_by_nobody(
    mosquitto: Mosquitto, database: Database, start: Start, cam: MqttPeer
) -> None:
    role = start(mosquitto.url)
    garbage = [
        b"", b"\xff", b"\x80", batch([sample(1)], first=2**63), batch([sample(1)], boot="a b"),
        batch([sample(1)], boot=""), batch([sample(1)], boot="b" * 65),
        batch([sample(1)]).replace(b"schema_version\x01", b"schema_version\x09"),
    ]  # fmt: skip
    for payload in garbage:
        cam.publish(f"{ROOT}/telemetry", payload)
    cam.publish("roost/1/Acme/d/cam-01/telemetry", batch([sample(1)]))
    cam.publish("roost/1/acme/d/cam-09/telemetry", batch([sample(1)]))
    cam.publish(f"{ROOT}/telemetry", batch([sample(1)]))
    assert heard(cam).sequence == 1
    assert role.counted("batches", outcome="unreadable") == len(garbage) + 1
    assert role.counted("batches", outcome="unknown_device") == 1
    assert len(rows(database, RecordLog)) == 1


def test_a_boot_is_its_devices_own(mosquitto: Mosquitto, database: Database, start: Start, cam: MqttPeer) -> None:
    start(mosquitto.url)
    cam.publish(f"{ROOT}/telemetry", batch([sample(1), sample(2)]))
    assert heard(cam).sequence == 2
    cam.publish("roost/1/acme/d/cam-02/telemetry", batch([sample(1, label="another's")]))
    assert heard(cam, "cam-02").sequence == 1
    cam.publish(f"{ROOT}/telemetry", batch([sample(3)], first=3))
    assert heard(cam).sequence == 3
    told = [(row.device, row.sample, row.label) for row in rows(database, Sample)]
    mine = [("cam-01", f"{BOOT}-{number}", "7") for number in (1, 2, 3)]
    assert told == [*mine, ("cam-02", f"{BOOT}-1", "another's")]


def test_several_workers_share_the_work_and_store_each_record_once(
    mosquitto: Mosquitto, database: Database, start: Start, cam: MqttPeer
) -> None:
    del cam
    shared = shared_telemetry(b"secret" * 6)
    assert shared.endswith(f"/{TELEMETRY_TOPICS}")
    roles = [start(mosquitto.url, client_id=f"ingest-{number}", telemetry=shared) for number in range(2)]
    told = {f"cam-{number:02}": [sample(count) for count in range(1, 151)] for number in range(1, 3)}
    devices = [TellingDevice(mosquitto.port, name, records, each=3) for name, records in told.items()]
    for device in devices:
        device.start()
    roles[0].until(lambda: all(device.done for device in devices), "all told", 60)
    for device in devices:
        device.stop()
    assert len(rows(database, Sample)) == 300
    assert [(log.watermark, log.lost) for log in rows(database, RecordLog)] == [(150, 0)] * 2
    assert min(role.counted("batches", outcome="stored") for role in roles) > 0, "both had some"
    assert sum(role.counted("batches", outcome="stored") for role in roles) == 100, "none came in vain"
    assert sum(role.counted("records", kind="sample") for role in roles) == 300


@pytest.mark.one_database("sqlite")  # with which the embedded broker comes
def test_the_embedded_broker_brings_records_and_watermarks(database: Database, start: Start) -> None:
    with FleetBroker() as fleet:
        add_devices(database, ["cam-01"])
        role = start(fleet.url, **fleet.cloud)
        name = "acme/d/cam-01"
        own: dict[str, Any] = {"version": 4, "client_id": name, "username": name, "password": fleet.password(name)}
        device = TellingDevice(fleet.port, "cam-01", [sample(number) for number in range(1, 51)], **own)
        device.start()
        role.until(lambda: device.done, "all told")
        device.stop()
        assert len(rows(database, Sample)) == 50
        role.stop()
