"""A cloud with an incumbent, labelled samples of many devices, and workers that train when told."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from roost_cloud.db.tables import BundleVersion, TrainingRun
from roost_cloud.ingest.batches import Delivery
from roost_cloud.ingest.storing import store_batches
from roost_cloud.labels.recording import NewLabel, Who, record
from roost_cloud.registry.registrar import BundleRegistrar
from roost_cloud.runs import policies, store
from roost_cloud.runs.conducting import Means
from roost_cloud.runs.dataset import RunDatasets
from roost_cloud.runs.executor import Executor
from roost_cloud.runs.local import LocalExecutor
from roost_cloud.runs.opening import Wish, open_by_person
from roost_cloud.runs.policy import read_policy
from roost_cloud.runs.worker import Trainer
from roost_cloud.runs.workshop import Workshop
from roost_cloud.scorer.bundle_cache import BundleCache
from roost_cloud.services import open_services
from roost_shared.bundle import open_bundle
from roost_shared.records import Batch, encode_record
from tests.support.bundles import Bundles, picture
from tests.support.cloud import Cloud, ManualClock, settings_for
from tests.support.ingesting import add_devices
from tests.support.registry import RegistryApi
from tests.support.stocked import stock_shard
from tests.support.telling import sample
from tests.support.tiny_trainers import installed

__all__ = ["TrainingSite", "bare_site", "site", "sites_cloud"]

TINY_GATE = "tests.support.tiny_gate"


class TrainingSite:
    """Acme's task `light`, whose incumbent is `sure:1`.

    Args:
        cloud: where it is.
        incumbent: the bundle's folder.
        folder: for workers.
    """

    def __init__(self, cloud: Cloud, incumbent: Path, folder: Path) -> None:
        self.cloud = cloud
        self.services = cloud.services
        self.clock = cloud.clock
        self.folder = folder
        self._numbers = iter(range(10_000))
        self.names = [f"cam-{number:02}" for number in range(6)]
        add_devices(self.services.database, self.names)
        self.incumbent = open_bundle(incumbent)
        RegistryApi(cloud).stock(self.incumbent)
        self.clock.advance(timedelta(hours=1))

    def label(self, each: int = 4, *, inverted: bool = False) -> None:
        """Each device uploads pictures that nobody has seen, and a person says what they show.

        Args:
            each: how many of each device.
            inverted: whether the world has changed: what was dark is bright now.
        """
        labels = []
        for place, name in enumerate(self.names):
            payloads, records = {}, []
            for _ in range(each):
                number = next(self._numbers)
                grey = (number * 37 + 11 * place) % 256
                payload = picture(grey, (9 + number % 7, 8 + number // 7))
                one = sample(number, payload=payload, task="light", label="dark", boot="b")
                payloads[one.sample] = payload
                records.append(encode_record(one))
                labels.append(NewLabel("here", name, one.sample, "bright" if (grey > 127) != inverted else "dark"))
            batch = Batch(
                boot=hashlib.sha256(str(number).encode()).hexdigest()[:8], first=1, oldest=1, records=records
            )
            with self.services.database.begin() as session:
                store_batches(session, [Delivery("acme", name, batch, self.services.now())])
            stock_shard(self.services, "acme", name, payloads)
        who = Who("person", "ann", "token:test")
        record(
            self.services.database,
            self.services.objects,
            "acme",
            labels,
            who,
            new=["dark", "bright"],
            now=self.services.now(),
        )

    def policy(self, **fields: Any) -> None:
        """What acme wants of the task."""
        said = {"mode": "auto", "bundle": "sure:1", "trainer": "tiny", "labels_wanted": 12, **fields}
        with self.services.database.begin() as session:
            policies.put(session, "acme", "light", read_policy(said), actor="test", now=self.services.now())

    def open(self, **fields: Any) -> str:
        """Open a run, with the policy changed by `fields`; its id."""
        self.policy(**fields)
        with self.services.database.begin() as session:
            policy = policies.get(session, "acme", "light")
            row = open_by_person(session, "acme", "light", policy, Wish(), actor="test", now=self.services.now())
            return row.id

    @contextmanager
    def trainer(self, executor: Executor | None = None, **fields: Any) -> Iterator[Trainer]:
        """A worker that works when told; its folders are there meanwhile."""
        services = self.services
        workshop = Workshop(self.folder)
        means = {
            "database": services.database,
            "objects": services.objects,
            "bundles": BundleCache(self.folder.parent / "bundle-cache", services.objects, 1 << 30),
            "datasets": RunDatasets(services.database, services.objects, services.clock),
            "registrar": BundleRegistrar(services.database, services.objects, services.clock),
            "executor": executor or LocalExecutor(),
            "workshop": workshop,
            "clock": services.clock,
            "report_every_s": 0.1,
            "gate": TINY_GATE,
        }
        trainer = Trainer(Means(**{**means, **fields}), CollectorRegistry())
        workshop.open()
        try:
            yield trainer
        finally:
            workshop.close()

    def work(self, times: int = 1, **fields: Any) -> None:
        """Have a worker make so many attempts, each as soon as it may be."""
        with self.trainer(**fields) as trainer:
            for _ in range(times):
                self.clock.advance(timedelta(minutes=15))
                assert trainer.work("w1")

    def run(self, run: str) -> TrainingRun:
        with self.services.database.read() as session:
            return store.get(session, "acme", run)

    def way(self, run: str) -> list[str]:
        """The states that a run went through."""
        with self.services.database.read() as session:
            return [one.after for one in store.steps(session, store.get(session, "acme", run))]

    def log(self, run: str) -> str:
        with self.services.database.read() as session:
            row = store.get(session, "acme", run)
            return "\n".join(one.text for one in store.lines(session, row, after=0, limit=1000))

    def versions(self) -> list[str]:
        """Of the incumbent's bundle, in the registry."""
        with self.services.database.read() as session:
            return sorted(row.version for row in session.query(BundleVersion).filter_by(tenant="acme", name="sure"))

    def leftovers(self) -> list[str]:
        """What workers left on the disk."""
        return [
            str(path)
            for path in self.folder.rglob("*")
            if path.is_file() and not {"bundles", "cache"} & set(path.parts)
        ]


@pytest.fixture
def sites_cloud(newest_sqlite: Path, tmp_path: Path) -> Iterator[Cloud]:
    """On SQLite: what differs between databases, `test_run_claims.py` shows on both."""
    file = tmp_path / "sites.db"
    shutil.copy(newest_sqlite, file)
    clock = ManualClock()
    with open_services(settings_for(tmp_path / "sites", database_url=f"sqlite:///{file}"), clock=clock) as services:
        yield Cloud(services, clock)


@pytest.fixture
def bare_site(sites_cloud: Cloud, bundles: Bundles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingSite:
    """Without any sample."""
    monkeypatch.setenv("PYTHONPATH", installed(tmp_path / "installed"))
    return TrainingSite(sites_cloud, bundles.sure, tmp_path / "workshop")


@pytest.fixture
def site(bare_site: TrainingSite) -> TrainingSite:
    """With 24 labelled samples."""
    bare_site.label()
    return bare_site
