"""Scorers when they, their broker, their database or their object store go away, and when inputs are hostile."""

import dataclasses
import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy.orm import Session

from roost_cloud.db import Database, DatabaseUnavailableError
from roost_cloud.objects import ObjectStore
from roost_cloud.objects.errors import StoreUnavailableError
from roost_cloud.scorer import worker
from roost_cloud.scorer.engine import Engine
from roost_shared.bundle import Bundle, open_bundle
from tests.support.bundles import Bundles, picture
from tests.support.cloud import Cloud
from tests.support.cloud_process import CloudProcess
from tests.support.mosquitto import Mosquitto
from tests.support.scoring import AskingDevice, ScoringSite
from tests.support.served_cloud import bundle_like
from tests.support.waiting import until

BRIGHT = picture(255)


@pytest.fixture
def database_url(tmp_path: Path, newest_sqlite: Path) -> str:
    """SQLite alone: what a scorer does while its database is away does not depend on which it is."""
    (tmp_path / "roost.db").write_bytes(newest_sqlite.read_bytes())
    return f"sqlite:///{tmp_path / 'roost.db'}"


@pytest.fixture
def sure(bundles: Bundles) -> Bundle:
    return open_bundle(bundles.sure)


@pytest.fixture
def site(cloud: Cloud, mosquitto: Mosquitto, sure: Bundle) -> Iterator[ScoringSite]:
    """With a task, and no scorer yet."""
    with ScoringSite(cloud, mosquitto.url) as site:
        site.push(sure)
        site.set_task({"big": "sure@stable"})
        yield site


@pytest.fixture
def device(mosquitto: Mosquitto) -> Iterator[AskingDevice]:
    with AskingDevice(mosquitto.port) as device:
        yield device


def test_a_killed_one_loses_what_it_had_in_hand_and_no_more(
    site: ScoringSite, cloud: Cloud, mosquitto: Mosquitto, device: AskingDevice, tmp_path: Path
) -> None:
    settings = cloud.services.settings
    flags = ("--role", "scorer", "--broker-url", mosquitto.url, "--database-url", settings.database)
    places = ("--secrets-dir", str(settings.secrets_path), "--objects-url", settings.objects)
    with CloudProcess(tmp_path / "doomed", *flags, *places) as doomed:
        doomed.start()
        until(lambda: doomed.ask("/readyz").status == 200, "ready")
        survivor = site.start()
        for number in range(600):
            device.ask(BRIGHT, "big")
            if number == 300:
                device.until_scores(250)
                doomed.kill()
        names = {f"q{number}" for number in range(600)}
        until(lambda: survivor.figures.outcomes["scored"] >= 200, "the survivor has its share")
        with suppress(AssertionError):
            device.peer.wait(lambda: len(device.scores) >= 600, "as many as will come", 1)
        lost = names - {one.id for one in device.scores}
        assert len(lost) < 300, "what was asked after its end went to the survivor"
        for name in lost:  # as a device does
            device.ask(BRIGHT, "big", id=name)
        # Not by their number: some of those given up may come late.
        until(lambda: names == {one.id for one in device.scores}, "a score of each")


def test_the_broker_restarts_under_load(site: ScoringSite, mosquitto: Mosquitto) -> None:
    scorer = site.start()
    for _ in range(2):
        with AskingDevice(mosquitto.port) as device:
            for _ in range(200):
                device.ask(BRIGHT, "big")
            mosquitto.kill()
        mosquitto.start()
        with AskingDevice(mosquitto.port) as device:
            until(lambda: answers_again(device), "it scores again")
        until(lambda: scorer.problem is None, "it says so")


class Outage(Database):
    """A database that can be away."""

    away = threading.Event()

    @contextmanager
    def read(self) -> Iterator[Session]:
        if self.away.is_set():
            raise DatabaseUnavailableError("it is away")
        with super().read() as session:
            yield session


def test_known_tasks_are_scored_while_the_database_is_away(
    site: ScoringSite, cloud: Cloud, device: AskingDevice, database_url: str, sure: Bundle, tmp_path: Path
) -> None:
    outage = Outage(database_url)
    services = dataclasses.replace(cloud.services, database=outage)
    try:
        scorer = site.start(services=services)
        outage.away.set()
        until(lambda: scorer._librarian._complaints.counts["database.unavailable"] > 0, "noticed")
        assert device.score(BRIGHT, "big").label == "bright"
        assert scorer.problem is None
        late = site.start(services=services, wait=False)
        until(lambda: late.problem == "no tasks are known yet: database.unavailable", "it says why")
        second = bundle_like(sure, tmp_path / "second", version="2")
        site.push(second)
        outage.away.clear()
        until(lambda: late.problem is None, "it knows them now")
        until(lambda: device.score(BRIGHT, "big").bundle == second.reference, "it follows again")
    finally:
        outage.away.clear()
        for one in list(site._scorers):
            site.stop(one)
        outage.close()


class Shaky:
    """An object store that can be away, or give other bytes than it was given."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.away = False
        self.damages = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def open(self, key: str, **options: Any) -> Any:
        if self.away:
            raise StoreUnavailableError("it is away")
        if not self.damages:
            return self._store.open(key, **options)
        with self._store.open(key, **options) as reader:
            data = bytearray(reader.read())
        data[len(data) // 2] ^= 1
        return io.BytesIO(data)


def test_a_store_that_is_away_or_damaged_leaves_the_old_bundle_answering(
    site: ScoringSite, cloud: Cloud, device: AskingDevice, sure: Bundle, tmp_path: Path
) -> None:
    store = Shaky(cloud.services.objects)
    scorer = site.start(services=dataclasses.replace(cloud.services, objects=store))
    second = bundle_like(sure, tmp_path / "second", version="2")
    loads = "roost_scorer_loads_total"
    metrics = scorer.figures.metrics
    assert device.score(BRIGHT, "big").bundle == sure.reference
    store.away = True
    site.push(second)
    until(lambda: metrics.get_sample_value(loads, {"outcome": "objects.unavailable"}), "it was tried")
    assert device.score(BRIGHT, "big").bundle == sure.reference
    store.away, store.damages = False, True
    until(lambda: metrics.get_sample_value(loads, {"outcome": "bundle.altered_blob"}), "it was found out")
    assert device.score(BRIGHT, "big").bundle == sure.reference
    store.damages = False
    until(lambda: device.score(BRIGHT, "big").bundle == second.reference, "the new one at last")


def test_a_damaged_cache_is_fetched_anew(site: ScoringSite, cloud: Cloud, device: AskingDevice, sure: Bundle) -> None:
    site.stop(site.start())
    cache = cloud.services.settings.data_dir / "bundle-cache"
    for blob in cache.rglob("blobs/sha256/*"):
        blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    site.start()
    assert device.score(BRIGHT, "big").bundle == sure.reference
    assert not [path for path in cache.iterdir() if path.name.startswith(".")], "nothing is left behind"


def test_an_alias_moved_under_load_drops_no_question(
    site: ScoringSite, device: AskingDevice, sure: Bundle, tmp_path: Path
) -> None:
    second = bundle_like(sure, tmp_path / "second", version="2")
    site.push(second)
    site.point(sure)
    site.start()
    by_s = time.monotonic() + 30
    asked = 0
    for target in (second, sure):
        site.point(target)
        moved = len(device.scores)
        while not any(one.bundle == target.reference for one in device.scores[moved:]):
            assert time.monotonic() < by_s
            for _ in range(8):
                device.ask(BRIGHT, "big")
            asked += 8
            device.until_scores(asked)
    assert {one.bundle for one in device.scores} == {sure.reference, second.reference}
    assert all(one.error is None for one in device.scores)
    assert len({one.id for one in device.scores}) == asked


def test_payload_bombs_are_refused_and_the_next_question_is_answered(site: ScoringSite, device: AskingDevice) -> None:
    scorer = site.start()
    wide = picture_of(20_000, 20_000)
    large = picture_of(4_900, 5_000)  # within the limits, and 24 million pixels
    assert len(wide) < 500_000
    score = device.score(wide, "big")
    assert score.error is not None
    assert score.error.code == "input.too_many_pixels"
    names = [device.ask(large, "big") for _ in range(4)]
    probe = device.ask(b"", task="light")
    small = device.score(BRIGHT, "big")
    assert small.label == "bright"
    device.until_scores(len(names) + 3)
    assert all(one.error is None for one in device.scores if one.id in (*names, probe))
    assert scorer.problem is None


def test_a_fault_of_ours_costs_its_batch_alone(
    site: ScoringSite, device: AskingDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.start()
    monkeypatch.setattr(Engine, "prepare", lambda *_: 1 / 0)
    score = device.score(BRIGHT, "big")
    assert score.error is not None
    assert score.error.code == "scorer.fault"
    monkeypatch.undo()
    assert device.score(BRIGHT, "big").label == "bright"


def test_more_than_may_wait_is_refused_at_once_and_a_quiet_tenant_gets_its_turn(
    site: ScoringSite, device: AskingDevice, mosquitto: Mosquitto, sure: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_MAX_WAITING", 50)
    site.push(sure, tenant="beta")
    site.set_task({"big": "sure@stable"}, tenant="beta")
    gate = threading.Event()
    prepare = Engine.prepare

    def slow(self: Engine, job: Any) -> Any:
        gate.wait(20)
        return prepare(self, job)

    monkeypatch.setattr(Engine, "is_quick", lambda *_: False)
    monkeypatch.setattr(Engine, "prepare", slow)
    site.start()
    with AskingDevice(mosquitto.port, tenant="beta") as quiet:
        for _ in range(200):
            device.ask(BRIGHT, "big")
        until(lambda: len(device.scores) > 100, "many are refused")
        assert {one.error.code for one in device.scores if one.error} == {"scorer.overloaded"}
        quiet.ask(BRIGHT, "big")
        probe = device.ask(b"", task="light")
        until(lambda: any(one.id == probe for one in device.scores), "a probe overtakes them all")
        gate.set()
        assert quiet.until_scores(1)[0].label == "bright"
        device.until_scores(201)
        assert sum(one.label == "bright" for one in device.scores) >= 49


def test_questions_whose_time_is_up_cost_no_model(
    site: ScoringSite, device: AskingDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, scored = threading.Event(), []
    prepare = Engine.prepare

    def slow(self: Engine, job: Any) -> Any:
        gate.wait(20)
        scored.append(job.asked.question.id)
        return prepare(self, job)

    monkeypatch.setattr(Engine, "is_quick", lambda *_: False)
    monkeypatch.setattr(Engine, "prepare", slow)
    scorer = site.start()
    first = device.ask(BRIGHT, "big")
    until(lambda: scorer._busy == 1, "it is in hand")
    for _ in range(20):
        device.ask(BRIGHT, "big", remaining_ms=1)
    until(lambda: len(scorer._queue) == 20, "they wait")
    gate.set()
    device.until_scores(21)
    assert scored == [first]
    until(lambda: scorer.figures.outcomes == {"scored": 1, "question.expired": 20}, "counted")


def answers_again(device: AskingDevice) -> bool:
    """Ask, and look whether anything has come of this or an earlier question."""
    device.ask(BRIGHT, "big")
    time.sleep(0.05)  # between two questions
    return any(one.label == "bright" for one in device.scores)


def picture_of(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((height, width), np.uint8)).save(file, "PNG", compress_level=9)
    return file.getvalue()
