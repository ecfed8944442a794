"""Devices tell of their work while database, broker or role go away; in the end each record is here once.

The devices go back to the last watermark they heard, as real ones do.
"""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db import Database, DatabaseUnavailableError
from roost_cloud.db.tables import LateScore, RecordLog, Sample, SampleScore, Window
from roost_shared.records import Record, decode_record
from tests.support.cloud_process import CloudProcess
from tests.support.ingesting import Ingesting, add_devices
from tests.support.mosquitto import Mosquitto
from tests.support.telling import BOOT, TellingDevice, late, sample, window

DEVICES = ["cam-01", "cam-02", "cam-03"]
KINDS = 3  # of records, in turn
COUNT = 120


class Unsteady(Database):
    """A database that can be away: before it commits, or so that nobody learns that it did."""

    away = threading.Event()
    mute = threading.Event()
    failed = 0

    @contextmanager
    def begin(self) -> Iterator[Session]:
        with super().begin() as session:
            yield session
            if self.away.is_set():
                self.failed += 1
                raise DatabaseUnavailableError("it is away")
        if self.mute.is_set():
            self.failed += 1
            raise DatabaseUnavailableError("it broke while committing")


@pytest.fixture
def unsteady(database_url: str) -> Iterator[Unsteady]:
    opened = Unsteady(database_url)
    add_devices(opened, DEVICES)
    yield opened
    opened.away.clear()
    opened.mute.clear()
    opened.close()


@pytest.fixture
def devices(mosquitto: Mosquitto) -> Iterator[list[TellingDevice]]:
    made = [TellingDevice(mosquitto.port, name, records(name)) for name in DEVICES]
    yield made
    for device in made:
        device.stop()


def records(device: str) -> list[Record]:
    told: list[Record] = []
    for number in range(1, COUNT // KINDS + 1):
        told += [sample(number, label=f"{device} {number}"), late(number), window(number)]
    return told


def assert_each_once(database: Database) -> None:
    with database.read() as session:
        samples = list(session.scalars(select(Sample)))
        for device in DEVICES:
            mine = sorted((row for row in samples if row.device == device), key=lambda row: int(row.sample[17:]))
            assert [decode_record(row.record) for row in mine] == records(device)[::KINDS]
        assert len(samples) == len(DEVICES) * COUNT // KINDS
        assert len(list(session.scalars(select(SampleScore)))) == 2 * len(samples)
        assert len(list(session.scalars(select(LateScore)))) == len(samples)
        sequences = {(row.device, row.sequence) for row in session.scalars(select(Window))}
        assert sequences == {(device, number) for device in DEVICES for number in range(KINDS, COUNT + 1, KINDS)}
        logs = [(log.boot, log.watermark, log.lost, len(log.ahead)) for log in session.scalars(select(RecordLog))]
        assert logs == [(BOOT, COUNT, 0, 1)] * len(DEVICES)


def count(database: Database) -> int:
    with database.read() as session:
        return len(list(session.scalars(select(Sample.sample))))


@pytest.mark.parametrize("how", ["away", "mute"])
def test_a_database_that_fails_for_a_while_costs_no_record(
    mosquitto: Mosquitto, unsteady: Unsteady, devices: list[TellingDevice], how: str
) -> None:
    role = Ingesting(mosquitto.url, unsteady)
    try:
        role.connected()
        fault: threading.Event = getattr(unsteady, how)
        fault.set()
        for device in devices:
            device.start()
        role.until(lambda: unsteady.failed >= 2, "failed twice")
        fault.clear()
        role.until(lambda: all(device.done for device in devices), "all told", 60)
        assert role.role.problem is None
    finally:
        role.stop()
    assert_each_once(unsteady)


def test_while_the_database_is_away_no_device_is_told_that_anything_is_here(
    mosquitto: Mosquitto, unsteady: Unsteady, devices: list[TellingDevice]
) -> None:
    role = Ingesting(mosquitto.url, unsteady)
    try:
        role.connected()
        unsteady.away.set()
        for device in devices:
            device.start()
        role.until(lambda: unsteady.failed >= KINDS, "failed a few times")
        assert [device.watermark for device in devices] == [0, 0, 0]
        assert count(unsteady) == 0
        assert role.role.problem == "it is away"
        unsteady.away.clear()
        role.until(lambda: all(device.done for device in devices), "all told", 60)
    finally:
        role.stop()
    assert_each_once(unsteady)


def test_a_broker_killed_under_load_costs_no_record(
    mosquitto: Mosquitto, unsteady: Unsteady, devices: list[TellingDevice]
) -> None:
    role = Ingesting(mosquitto.url, unsteady)
    try:
        role.connected()
        for device in devices:
            device.start()
        role.until(lambda: count(unsteady) > 0, "under way")
        mosquitto.kill()
        mosquitto.start()
        role.until(lambda: all(device.done for device in devices), "all told", 60)
    finally:
        role.stop()
    assert_each_once(unsteady)


def test_a_process_killed_in_the_middle_beside_another_costs_no_record(
    mosquitto: Mosquitto, unsteady: Unsteady, database_url: str, devices: list[TellingDevice], tmp_path: Path
) -> None:
    """Two processes share the work; one of them is killed at a random moment of each device's telling."""
    draw = random.Random(7)
    secrets = tmp_path / "secrets"
    places = ("--broker-url", mosquitto.url, "--database-url", database_url, "--secrets-dir", str(secrets))
    flags = ("--role", "ingest", *places)  # no other role is asked for anything
    with CloudProcess(tmp_path / "steady", *flags) as steady, CloudProcess(tmp_path / "doomed", *flags) as doomed:
        steady.start()
        for device in devices:
            doomed.start()
            device.start()
            time.sleep(draw.random() / 2)  # no moment is better than another
            doomed.kill()
        by_s = time.monotonic() + 60
        while not all(device.done for device in devices):
            assert time.monotonic() < by_s, [device.watermark for device in devices]
            time.sleep(0.05)
    assert_each_once(unsteady)
