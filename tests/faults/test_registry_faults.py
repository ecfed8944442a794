"""Pushes and pulls through kills, cuts, full disks and restarts: typed errors, no half state, and again works."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

import pytest
import urllib3
from sqlalchemy import event

from roost_cloud.client import ApiClient, ApiUnreachableError, RemoteError
from roost_cloud.credentials import Credentials
from roost_cloud.objects import PART_BYTES, ObjectStore
from roost_cloud.objects.disk import StagedFile
from roost_cloud.objects.errors import StoreFullError, StoreUnavailableError
from roost_cloud.people import audit
from roost_cloud.registry import uploads
from roost_cloud.transfer import Registry, download, pull_bundle, push_bundle, signed_urls
from roost_cloud.transfer.patience import Patience
from roost_cloud.transfer.registry import Upload
from roost_shared.bundle import AlteredBlobError, Bundle
from tests.support.cloud import Cloud
from tests.support.cloud_process import CloudProcess
from tests.support.mosquitto import free_port
from tests.support.postgres import Postgres
from tests.support.registry import RegistryApi, code_of
from tests.support.served_cloud import ServedCloud, bundle_like, sizes_of
from tests.support.waiting import PATIENCE_S, until

MODEL = bytes(range(256)) * 1500  # six parts of 64 KiB


def total(bundle: Bundle) -> int:
    return sum(sizes_of(bundle).values())


@pytest.fixture
def large(argmax: Bundle, tmp_path: Path) -> Bundle:
    return bundle_like(argmax, tmp_path / "large", version="2", model=MODEL)


@pytest.fixture
def heavy(argmax: Bundle, tmp_path: Path) -> Bundle:
    """Five parts of the true size."""
    return bundle_like(argmax, tmp_path / "heavy", version="3", model=os.urandom(40 << 20))


@pytest.fixture
def api(cloud: Cloud) -> RegistryApi:
    return RegistryApi(cloud)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[CloudProcess]:
    with CloudProcess(tmp_path / "process", "--listen", f"127.0.0.1:{free_port()}") as process:
        yield process.start()


def tenant_token(process: CloudProcess) -> str:
    made = process.client().call("POST", "/tenants", dict[str, Any], body={"name": "acme"})
    token: str = made["admin_token"]["token"]
    return token


def parts_arrived(process: CloudProcess) -> int:
    """Whole parts of the heavy blob, of which every one has PART_BYTES."""
    arrived = 0
    for part in process.data_dir.glob("objects/.staging/uploads/*/*.part"):
        with contextlib.suppress(FileNotFoundError):  # the upload was completed meanwhile
            arrived += part.stat().st_size == PART_BYTES
    return arrived


def test_cloud_killed_in_the_middle_of_a_push_gets_the_rest_of_it(process: CloudProcess, heavy: Bundle) -> None:
    registry = Registry(
        ApiClient(Credentials(url=process.url, token=tenant_token(process))), Patience(attempts=60, limit_s=1)
    )
    with ThreadPoolExecutor(1) as thread:
        pushing = thread.submit(push_bundle, registry, heavy.folder)
        until(lambda: parts_arrived(process) > 0 or pushing.done(), "no part arrives")
        process.kill()
        process.start()
        pushed = pushing.result(PATIENCE_S)
    assert pushed.created
    assert pushed.sent_bytes == total(heavy)
    assert registry.version("argmax", "3").digest == heavy.digest


def test_killed_push_goes_on_where_it_was(process: CloudProcess, heavy: Bundle) -> None:
    environment = {**os.environ, "ROOST_URL": process.url, "ROOST_TOKEN": tenant_token(process)}
    command = [sys.executable, "-m", "roost_cloud", "bundle", "push", str(heavy.folder), "--alias", "stable"]
    first = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        until(lambda: parts_arrived(process) > 1 or first.poll() is not None, "no part arrives")
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate()
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=PATIENCE_S)
    sent_bytes = int(again.stdout.split()[1].replace(",", ""))
    assert sent_bytes <= total(heavy) - PART_BYTES
    assert f"argmax:3@{heavy.digest}: pushed, and is stable now" in again.stdout


class StoppingRegistry(Registry):
    """Stops the database before one of a push's steps; it starts again when the push has failed and waits."""

    def __init__(self, api: ApiClient, database: Postgres, step: str) -> None:
        super().__init__(api, Patience(attempts=200, first_s=0.01, limit_s=0.2, sleep=self._wait))
        self._database = database
        self._step = step
        self._lock = Lock()
        self.state = "runs"

    def begin_upload(self, digest: str, size_bytes: int, *, anew: bool = False) -> Upload | None:
        self._stop_before("begin")
        return super().begin_upload(digest, size_bytes, anew=anew)

    def complete_upload(self, upload_id: str) -> None:
        self._stop_before("complete")
        super().complete_upload(upload_id)

    def publish(self, name: str, version: str, manifest: bytes) -> bool:
        self._stop_before("publish")
        return super().publish(name, version, manifest)

    def _stop_before(self, step: str) -> None:
        with self._lock:
            if step == self._step and self.state == "runs":
                self._database.stop()
                self.state = "stopped"

    def _wait(self, wait_s: float) -> None:
        with self._lock:
            if self.state == "stopped":
                self._database.start()
                self.state = "restarted"
        time.sleep(min(wait_s, 0.2))  # the cloud asks for two seconds


@pytest.mark.one_database("postgresql")  # SQLite is no server
@pytest.mark.parametrize("step", ["begin", "complete", "publish"])
def test_database_restarted_in_the_middle_of_a_push_costs_nothing(
    postgres: Postgres, served_cloud: ServedCloud, large: Bundle, small_parts: int, step: str
) -> None:
    registry = StoppingRegistry(served_cloud.api(), postgres, step)
    first = served_cloud.registry().begin_upload(large.config.stages[-1].digest, len(MODEL))
    assert first is not None
    assert len(first.parts) == -(-len(MODEL) // small_parts)
    pushed = push_bundle(registry, large.folder)
    assert registry.state == "restarted"
    assert pushed.created
    assert pushed.sent_bytes == total(large)
    assert sorted(served_cloud.blobs()) == sorted(sizes_of(large))


@pytest.mark.one_database("postgresql")  # SQLite is no server
def test_database_that_is_away_is_told_to_whoever_pushes(postgres: Postgres, served_cloud: ServedCloud) -> None:
    headers = served_cloud.headers()
    postgres.stop()
    try:
        refused = served_cloud.client.get("/api/v1/bundles", headers=headers)
    finally:
        postgres.start()
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "2"


@pytest.mark.one_database
def test_pull_that_is_cut_goes_on_at_that_byte(
    served_cloud: ServedCloud, large: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = served_cloud.registry()
    push_bundle(registry, large.folder)
    offsets: list[int] = []

    def cut(pool: urllib3.PoolManager, url: str, offset: int, size_bytes: int) -> Iterator[bytes]:
        for chunk in whole(pool, url, offset, size_bytes):
            if size_bytes == len(MODEL):
                offsets.append(offset)
                if len(offsets) < 3:
                    yield chunk[:100_000]
                    raise ApiUnreachableError("cut")
            yield chunk

    whole = signed_urls.get_from
    monkeypatch.setattr(download, "get_from", cut)
    pulled = pull_bundle(registry, "argmax", "2", tmp_path / "out")
    assert sorted(set(offsets)) == [0, 100_000, 200_000]
    assert pulled.received_bytes == total(large)
    assert pulled.bundle.digest == large.digest


@pytest.mark.one_database
def test_pull_that_died_goes_on_in_the_next_one(
    served_cloud: ServedCloud, large: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = served_cloud.registry()
    push_bundle(registry, large.folder)

    def die(pool: urllib3.PoolManager, url: str, offset: int, size_bytes: int) -> Iterator[bytes]:
        for chunk in whole(pool, url, offset, size_bytes):
            yield chunk[:1000]
            raise ZeroDivisionError

    whole = signed_urls.get_from
    with monkeypatch.context() as broken:
        broken.setattr(download, "get_from", die)
        with pytest.raises(ZeroDivisionError):
            pull_bundle(registry, "argmax", "2", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    pulled = pull_bundle(registry, "argmax", "2", tmp_path / "out")
    assert pulled.received_bytes < total(large)
    assert pulled.bundle.digest == large.digest


@pytest.mark.one_database
def test_part_file_of_other_bytes_is_fetched_anew(served_cloud: ServedCloud, large: Bundle, tmp_path: Path) -> None:
    registry = served_cloud.registry()
    push_bundle(registry, large.folder)
    name = large.config.stages[-1].digest.removeprefix("sha256:")
    left = tmp_path / ".out.pulling" / "blobs" / "sha256" / f"{name}.part"
    left.parent.mkdir(parents=True)
    for data in (b"x" * 1000, b"x" * (len(MODEL) + 1)):
        left.write_bytes(data)
        assert pull_bundle(registry, "argmax", "2", tmp_path / "out").bundle.digest == large.digest
        (tmp_path / "out").rename(tmp_path / f"out-{len(data)}")
        left.parent.mkdir(parents=True)


@pytest.mark.one_database
def test_damaged_object_is_never_put_in_place(served_cloud: ServedCloud, large: Bundle, tmp_path: Path) -> None:
    registry = served_cloud.registry()
    push_bundle(registry, large.folder)
    key = f"acme/blobs/sha256/{large.config.stages[-1].digest.removeprefix('sha256:')}"
    for damaged in (b"x" * len(MODEL), MODEL[:-1]):
        served_cloud.services.objects.put(key, damaged)
        with pytest.raises(AlteredBlobError):
            pull_bundle(registry, "argmax", "2", tmp_path / "out")
        assert not (tmp_path / "out").exists()
    served_cloud.services.objects.put(key, MODEL)
    assert pull_bundle(registry, "argmax", "2", tmp_path / "out").bundle.digest == large.digest


def test_pushing_anew_mends_what_the_store_has_damaged(
    served_cloud: ServedCloud, large: Bundle, tmp_path: Path
) -> None:
    registry = served_cloud.registry()
    push_bundle(registry, large.folder)
    digest = large.config.stages[-1].digest
    served_cloud.services.objects.put(f"acme/blobs/sha256/{digest.removeprefix('sha256:')}", b"x" * len(MODEL))
    assert push_bundle(registry, large.folder).sent_bytes == 0
    mended = push_bundle(registry, large.folder, anew=True)
    assert (mended.created, mended.sent_bytes) == (False, total(large))
    assert pull_bundle(registry, "argmax", "2", tmp_path / "out").bundle.digest == large.digest
    with served_cloud.services.database.read() as session:
        entries = [(entry.action, entry.subject) for entry in audit.page(session, "acme", limit=100)]
    assert entries.count(("blob.store", digest)) == entries.count(("blob.replace", digest)) == 1


def test_full_object_store_is_said_and_pushed_to_again(
    served_cloud: ServedCloud, large: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = served_cloud.registry()

    def full(_self: StagedFile, _data: bytes) -> None:
        raise StoreFullError("the object store's disk: No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(StagedFile, "write", full)
        with pytest.raises(RemoteError) as refused:
            push_bundle(registry, large.folder)
    assert (refused.value.status, refused.value.reason) == (507, "objects.full")
    assert served_cloud.blobs() == []
    assert push_bundle(registry, large.folder).created


@pytest.mark.one_database("sqlite")  # PostgreSQL's full disk is SQLSTATE 53100, see test_database.py
def test_full_database_is_said_and_pushed_to_again(served_cloud: ServedCloud, large: Bundle) -> None:
    engine = served_cloud.services.database.engine
    registry = served_cloud.registry()

    def limit(connection: sqlite3.Connection, _: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(engine, "connect", limit)
    engine.dispose()

    def fill() -> None:
        for number in range(1000):
            registry.begin_upload(f"sha256:{number:064x}", 1)

    with pytest.raises(RemoteError) as refused:
        fill()
    event.remove(engine, "connect", limit)
    engine.dispose()
    assert (refused.value.status, refused.value.reason) == (507, "database.full")
    assert push_bundle(registry, large.folder).created


def test_crash_between_object_and_row_leaves_garbage_and_no_promise(
    cloud: Cloud, api: RegistryApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = api.begin(b"blob")
    api.send_parts(upload, b"blob")

    def die(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(audit, "record", die)  # the last that happens after the move
        assert api.complete(upload).status_code == 500
    assert [info.key.split("/")[1] for info in cloud.services.objects.list_objects("acme/")] == ["blobs"]
    assert not api.has(upload["digest"])
    again = api.begin(b"blob")
    assert [part["done"] for part in again["parts"]] == [False]
    api.send_parts(again, b"blob")
    assert api.complete(again).status_code == 200
    assert api.has(upload["digest"])


def test_store_away_while_hashing_costs_no_part(api: RegistryApi, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = api.begin(b"blob")
    api.send_parts(upload, b"blob")

    def away(_store: ObjectStore, _key: str) -> str:
        raise StoreUnavailableError("away")

    with monkeypatch.context() as broken:
        broken.setattr(uploads, "hash_object", away)
        refused = api.complete(upload)
        assert (refused.status_code, code_of(refused)) == (503, "objects.unavailable")
    again = api.begin(b"blob")
    assert again["id"] == upload["id"]
    assert [part["done"] for part in again["parts"]] == [True]
    assert api.complete(again).status_code == 200


def test_upload_that_the_store_lost_begins_anew(cloud: Cloud, api: RegistryApi) -> None:
    upload = api.begin(b"blob")
    for begun in (cloud.services.settings.data_dir / "objects" / ".staging" / "uploads").iterdir():
        for file in begun.iterdir():
            file.unlink()
        begun.rmdir()
    assert api.ask("GET", f"/uploads/{upload['id']}").status_code == 404
    assert api.complete(upload).status_code == 404
    again = api.begin(b"blob")
    api.send_parts(again, b"blob")
    assert api.complete(again).status_code == 200
