"""Ingest killed before each statement of storing what devices tell: in the end each record is there once, whole."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select

from roost_cloud.db import Database
from roost_cloud.db.tables import LateScore, RecordLog, Sample, SampleScore, Window
from roost_cloud.ingest.batches import Delivery, read_batch
from roost_cloud.ingest.storing import store_batches
from roost_shared.records import Record, decode_record
from scripts.roost_campaign.clouds import a_database_url
from scripts.roost_campaign.killing import killed_at
from scripts.roost_campaign.step import Room, Step
from tests.support.ingesting import add_devices
from tests.support.telling import BOOT, batch, late, sample, window

__all__ = ["LIMIT_S", "SHARE", "TYPICAL_S", "run"]

SHARE: Final = 0.7
TYPICAL_S: Final = 30.0
LIMIT_S: Final = 600.0
DEVICES: Final = ("cam-01", "cam-02", "cam-03")
RECORDS: Final = 180  # of each device
KINDS: Final = 3  # of them, in turn
MOST_STEPS: Final = 14  # of one transaction, about


def run(step: Step, room: Room) -> None:
    """Devices send what the cloud has not said to have, a worker dies at it, and they send it again, cut otherwise."""
    dice, outcome = step.dice(), room.outcome
    told = {name: _records(name) for name in DEVICES}
    with a_database_url(step, room) as url:
        database = Database(url)
        add_devices(database, DEVICES)
        watermarks = dict.fromkeys(DEVICES, 0)
        while any(watermarks[name] < RECORDS for name in DEVICES):
            sent = [
                _delivery(name, told[name], watermarks[name] + 1, dice.randint(1, 12))
                for name in dice.choices(DEVICES, k=dice.randint(1, 6))
                if watermarks[name] < RECORDS
            ]
            sent += dice.choices(sent, k=dice.randint(0, 2)) if sent else []  # at least once: some come twice
            database.close()  # no connection goes through a fork
            point = killed_at(dice.randint(1, MOST_STEPS), lambda: _store(Database(url), sent))  # noqa: B023
            if point is not None:
                outcome.kill("ingest", point)
            if dice.random() < 0.5:  # noqa: PLR2004 - else they send something else next
                watermarks |= _store(database, sent)
        database.close()
        database = Database(url)
        for name in DEVICES:
            _check(room, database, name, told[name])
        database.close()


def _records(device: str) -> list[Record]:
    found: list[Record] = []
    for number in range(1, RECORDS // KINDS + 1):
        found += [sample(number, label=f"{device} {number}"), late(number), window(number)]
    return found


def _delivery(device: str, records: Sequence[Record], first: int, count: int) -> Delivery:
    data = batch(records[first - 1 :][:count], first=first, oldest=first)
    return read_batch("acme", device, data, datetime.now(UTC))


def _store(database: Database, deliveries: Sequence[Delivery]) -> dict[str, int]:
    """As a worker does; the watermarks that devices are told."""
    with database.begin() as session:
        stored = store_batches(session, deliveries)
    return {device: watermark for (_, device, _), watermark in stored.watermarks.items()}


def _check(room: Room, database: Database, device: str, told: Sequence[Record]) -> None:
    outcome, each = room.outcome, RECORDS // KINDS
    with database.read() as session:
        samples = list(session.scalars(select(Sample).where(Sample.device == device)))
        samples.sort(key=lambda row: int(row.sample.rpartition("-")[2]))
        stored = [decode_record(row.record) for row in samples]
        outcome.require(stored == list(told[::KINDS]), "each acknowledged record is stored once, whole", device)
        counts = {
            "scores": len(list(session.scalars(select(SampleScore.sample).where(SampleScore.device == device)))),
            "late": len(list(session.scalars(select(LateScore.sample).where(LateScore.device == device)))),
            "windows": len(list(session.scalars(select(Window.sequence).where(Window.device == device)))),
        }
        expected = {"scores": 2 * each, "late": each, "windows": each}
        outcome.require(counts == expected, "each acknowledged record is stored once, whole", (device, counts))
        logs = [
            (log.boot, log.watermark, log.lost)
            for log in session.scalars(select(RecordLog).where(RecordLog.device == device))
        ]
        outcome.require(logs == [(BOOT, RECORDS, 0)], "a watermark says what is here", (device, logs))
    outcome.count("records stored under kills", RECORDS)
