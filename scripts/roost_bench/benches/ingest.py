"""How many records of devices a second go into SQLite and PostgreSQL, and how that holds as the tables grow.

Batches are stored as the role `ingest` stores them: read, decided on, made rows, inserted and committed, many to a
transaction. Half of the records are samples with three candidates each, half are windows. Broker and network are left
out, and so is the making of the batches.

Two databases are filled by the same code, one to 10,000 records, one to a million or what `--rows` says, and then both
are measured in turn, transaction by transaction. `growth` is the worse database's rate in the large one against its
rate in the small one: 1 is flat.
"""

import hashlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from typing import Final

from sqlalchemy import insert, text

from roost_cloud.db import Database
from roost_cloud.db.migrations import upgrade
from roost_cloud.db.tables import Device, Tenant
from roost_cloud.ingest.batches import read_batch
from roost_cloud.ingest.storing import store_batches
from roost_shared.messages import Answer, Candidate
from roost_shared.records import Batch, InputInfo, Record, SampleRecord, WindowRecord, encode_msgpack, encode_record
from scripts.roost_bench.bench import Goal, Options, Result
from tests.support.postgres import Postgres

GOALS = (
    Goal("sqlite_per_s", at_least=5000, unit="records/s"),
    Goal("postgresql_per_s", at_least=5000, unit="records/s"),
    Goal("growth", at_least=0.8),
)
COMPARED_WITH = (
    "nothing: absolute, into the large tables; each commit reaches the disk. Growth: against the same code into small "
    "tables, both in turn, medians"
)

SMALL: Final = 10_000  # records
LARGE: Final = 1_000_000
_QUICK: Final = 30_000
_DEVICES: Final = 200
_RECORDS: Final = 50  # to a batch
_BATCHES: Final = 20  # to a transaction, one of each device's in turn
_ROUNDS: Final = 40  # transactions that a rate is the median of


def run(options: Options) -> Result:
    """Measure both databases."""
    large = options.rows or (_QUICK if options.quick else LARGE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sqlite = _measure(f"sqlite:///{folder / 'small.db'}", f"sqlite:///{folder / 'large.db'}", large)
        cluster = Postgres(durable=True)
        try:
            cluster.start()
            postgresql = _measure(cluster.url(cluster.new_database()), cluster.url(cluster.new_database()), large)
        finally:
            cluster.remove()
    return {
        "sqlite_per_s": sqlite["large_per_s"],
        "postgresql_per_s": postgresql["large_per_s"],
        "growth": min(sqlite["growth"], postgresql["growth"]),
        "rows": {"small": SMALL, "large": large},
        "sqlite": sqlite,
        "postgresql": postgresql,
    }


def _measure(small_url: str, large_url: str, large: int) -> dict[str, float]:
    small, great = _Tables(small_url), _Tables(large_url)
    small.fill(SMALL)
    great.fill(large)
    taken_s = [(small.store_some(), great.store_some()) for _ in range(_ROUNDS)]
    small.close()
    great.close()
    records = _BATCHES * _RECORDS
    small_per_s, large_per_s = (records / statistics.median(column) for column in zip(*taken_s, strict=True))
    return {"small_per_s": small_per_s, "large_per_s": large_per_s, "growth": large_per_s / small_per_s}


class _Tables:
    """A database with devices that have much to tell."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        upgrade(self._database)
        now = datetime.now(UTC)
        with self._database.begin() as session:
            session.add(Tenant(name="acme", created_at=now))
            session.flush()
            devices = [{"tenant": "acme", "name": _device(number), "enrolled_at": now} for number in range(_DEVICES)]
            session.execute(insert(Device), devices)
        self._batches = _batches()
        self._stored = 0

    def fill(self, records: int) -> None:
        """Store until there are so many."""
        while self._stored < records:
            self.store_some()
        with self._database.begin() as session:
            session.execute(text("ANALYZE"))  # PostgreSQL does it by itself within a minute

    def store_some(self) -> float:
        """Store what a transaction holds; return the seconds that took."""
        told = list(islice(self._batches, _BATCHES))
        begun_s = time.perf_counter()
        now = datetime.now(UTC)
        deliveries = [read_batch("acme", device, payload, now) for device, payload in told]
        with self._database.begin() as session:
            stored = store_batches(session, deliveries)
        taken_s = time.perf_counter() - begun_s
        if stored.batches["stored"] != len(told) or stored.records["unreadable"]:
            raise RuntimeError(f"not all was stored: {stored.batches} {stored.records}")
        self._stored += _BATCHES * _RECORDS
        return taken_s

    def close(self) -> None:
        self._database.close()


def _device(number: int) -> str:
    return f"cam-{number:03}"


def _batches() -> Iterator[tuple[str, bytes]]:
    """Devices and their next batches, without end."""
    for first in count(1, _RECORDS):
        for number in range(_DEVICES):
            boot = f"{number:016x}"
            records = [encode_record(_record(boot, first + index)) for index in range(_RECORDS)]
            yield _device(number), encode_msgpack(Batch(boot=boot, first=first, oldest=first, records=records))


def _record(boot: str, sequence: int) -> Record:
    if sequence % 2:
        return WindowRecord(
            task="meter",
            contestant="primary",
            started_at="2026-11-24T12:00:00Z",
            seconds=60,
            count=sequence,
            sketches={"phi": bytes(100), "confidence": bytes(200), "latency": bytes(200)},
        )
    label, confidence = str(sequence % 10), (sequence * 37 % 101) / 101
    bundle = f"meter:7@sha256:{0:064x}"
    answer = Answer(
        id=f"{boot}-{sequence}",
        task="meter",
        label=label,
        confidence=confidence,
        top=[(label, confidence), ("x", 1 - confidence)],
        output=None,
        contestant="primary",
        bundle=bundle,
        reason="preferred",
        deadline_met=True,
        elapsed_ms=12.5,
        candidates=[Candidate(name, bundle, label, confidence, 12.5) for name in ("primary", "backup", "baseline")],
        received_at="2026-11-24T12:00:00.000+00:00",
    )
    kept = InputInfo(sha256=hashlib.sha256(boot.encode()).hexdigest(), size_bytes=20_000, content_type="image/jpeg")
    return SampleRecord(
        sample=f"{boot}-{sequence}", answer=answer, kept_for=["base_rate"], probability=0.01, input=kept
    )
