"""A great fleet without its broker: how long storing and judging what every device tells takes."""

import statistics
import time
from datetime import timedelta
from typing import Any, Final

from prometheus_client import CollectorRegistry
from sqlalchemy import text

from roost_cloud.db import Database
from roost_cloud.db.migrations import upgrade
from roost_cloud.ingest.batches import read_batch
from roost_cloud.ingest.storing import store_batches
from roost_cloud.monitor import settings
from roost_cloud.monitor.worker import Monitor
from scripts.roost_bench.scale_devices import RECORDS, TENANT, batch_of, sketches_of_a_minute
from tests.support.cloud import ManualClock
from tests.support.ingesting import add_devices
from tests.support.postgres import Postgres

__all__ = ["without_broker"]

_TOGETHER: Final = 20  # batches to a transaction, as the role `ingest` stores them when many wait


def without_broker(few: int, many: int, *, rounds: int) -> dict[str, Any]:
    """Store and judge a window of each device, in PostgreSQL; a fleet in turn with the other."""
    cluster = Postgres(durable=True)
    try:
        cluster.start()
        small, large = (_Fleet(cluster.url(cluster.new_database()), devices) for devices in (few, many))
        taken = [(small.live(), large.live()) for _ in range(rounds)]
        small.close()
        large.close()
    finally:
        cluster.remove()
    (small_store, small_judge), (large_store, large_judge) = (
        (statistics.median(one[0] for one in of), statistics.median(one[1] for one in of))
        for of in zip(*taken, strict=True)
    )
    return {
        "devices": [few, many],
        "store_growth": (large_store / many) / (small_store / few),
        "judge_growth": (large_judge / many) / (small_judge / few),
        "store_records_per_s": round(RECORDS * many / large_store, 1),
        "store_s": round(large_store, 2),
        "judge_s": round(large_judge, 2),
    }


class _Fleet:
    """Devices of which each tells of an hour at a time."""

    def __init__(self, url: str, devices: int) -> None:
        self._database = Database(url)
        upgrade(self._database)
        self._clock = ManualClock()
        self._names = [f"cam-{number:05}" for number in range(devices)]
        self._sketches = sketches_of_a_minute()
        self._next = 1
        add_devices(self._database, self._names, TENANT)
        wanted = settings.read_settings({"decision_inputs": 60, "decision_seconds": 60})
        with self._database.begin() as session:
            settings.put(session, TENANT, wanted, actor="bench", now=self._clock.wall())
        self._monitor = Monitor(self._database, self._clock, CollectorRegistry(), None)

    def live(self) -> tuple[float, float]:
        """An hour; seconds for storing what all tell, and for judging it."""
        self._clock.advance(timedelta(hours=1))
        payload, now = batch_of(self._next, self._sketches), self._clock.wall()
        self._next += RECORDS
        began_s = time.perf_counter()
        for place in range(0, len(self._names), _TOGETHER):
            told = self._names[place : place + _TOGETHER]
            deliveries = [read_batch(TENANT, name, payload, now) for name in told]
            with self._database.begin() as session:
                store_batches(session, deliveries)
        stored_s = time.perf_counter()
        with self._database.begin() as session:
            session.execute(text("ANALYZE"))  # PostgreSQL does it by itself within a minute
        judging_s = time.perf_counter()
        decided = self._monitor.work()
        judged_s = time.perf_counter()
        if decided < len(self._names):
            raise RuntimeError(f"{decided} decisions of {len(self._names)} devices")
        return stored_s - began_s, judged_s - judging_s

    def close(self) -> None:
        """The database is let go."""
        self._database.close()
