"""What nobody refers to goes, and nothing else; also while somebody pushes. On both databases."""

import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from roost_cloud.db.tables import Blob
from roost_cloud.objects import ObjectInfo
from roost_cloud.objects.errors import StoreUnavailableError
from roost_cloud.objects.files import FileStore
from roost_cloud.registry.collection import GRACE, Collected, collect, collect_blobs
from roost_shared.bundle import Bundle
from tests.support.cloud import Cloud
from tests.support.registry import RegistryApi
from tests.support.served_cloud import bundle_like, sizes_of

LONG = GRACE + timedelta(minutes=1)


@pytest.fixture
def api(cloud: Cloud) -> RegistryApi:
    return RegistryApi(cloud)


def run(cloud: Cloud) -> Collected:
    return collect(cloud.services.database, cloud.services.objects, cloud.services.now(), actor="test")


def objects(cloud: Cloud, prefix: str = "acme/") -> list[ObjectInfo]:
    return list(cloud.services.objects.list_objects(prefix))


def put_at(cloud: Cloud, key: str, age: timedelta) -> None:
    """An object as a crash would leave it, last changed `age` ago by the cloud's clock."""
    cloud.services.objects.put(key, b"left")
    path = cloud.services.settings.data_dir / "objects" / key
    moment = (cloud.services.now() - age).timestamp()
    os.utime(path, (moment, moment))


def test_deleting_the_last_version_frees_what_no_other_has(
    cloud: Cloud, api: RegistryApi, argmax: Bundle, tmp_path: Path
) -> None:
    newer = bundle_like(argmax, tmp_path / "newer", version="2", model=b"another head")
    api.push(argmax)
    api.push(newer)
    cloud.clock.advance(LONG)
    assert api.ask("DELETE", "/bundles/argmax/versions/1").status_code == 204
    kept = {f"sha256:{info.key.rpartition('/')[2]}" for info in objects(cloud)}
    assert kept == sizes_of(newer).keys()
    assert not api.has(argmax.config.stages[-1].digest)


def test_blob_that_a_push_was_told_of_stays_for_the_push(cloud: Cloud, api: RegistryApi) -> None:
    digest = api.bring(b"blob")
    cloud.clock.advance(LONG)
    assert api.begin(b"blob") == {"exists": True}
    assert run(cloud).blobs == 0
    assert api.has(digest)
    cloud.clock.advance(LONG)
    assert run(cloud) == Collected(blobs=1, blob_bytes=4, uploads=0, orphans=0)
    assert not api.has(digest)
    assert objects(cloud) == []


def test_collected_blob_can_come_again(cloud: Cloud, api: RegistryApi) -> None:
    api.bring(b"blob")
    cloud.clock.advance(LONG)
    run(cloud)
    assert api.has(api.bring(b"blob"))


def test_stale_upload_is_swept_and_one_gone_on_with_is_not(cloud: Cloud, api: RegistryApi) -> None:
    stale, alive = api.begin(b"stale"), api.begin(b"alive")
    api.send_parts(stale, b"stale")
    cloud.clock.advance(timedelta(hours=20))
    assert api.ask("GET", f"/uploads/{alive['id']}").status_code == 200
    cloud.clock.advance(timedelta(hours=20))
    assert run(cloud).uploads == 1
    assert api.ask("GET", f"/uploads/{stale['id']}").status_code == 404
    assert cloud.client.put(stale["parts"][0]["url"], content=b"stale").status_code in (403, 404)
    fresh = api.ask("GET", f"/uploads/{alive['id']}").json()
    api.send_parts(fresh, b"alive")
    assert api.complete(fresh).status_code == 200


def test_objects_that_crashes_left_go_and_young_ones_stay(cloud: Cloud, api: RegistryApi) -> None:
    digest = api.bring(b"blob")
    cloud.clock.advance(LONG)
    api.begin(b"blob")  # referred to, as it were
    for kind, name in (("uploads", "0"), ("uploads", "1"), ("blobs/sha256", "0"), ("blobs/sha256", "1")):
        age = LONG if name == "0" else timedelta()
        put_at(cloud, f"acme/{kind}/{name * (64 if kind.startswith('blobs') else 32)}", age)
    assert run(cloud).orphans == 2
    left = {info.key.rpartition("/")[2][:1] for info in objects(cloud)} - {digest.removeprefix("sha256:")[:1]}
    assert left == {"1"}
    assert api.has(digest)
    assert run(cloud).orphans == 0


def test_collection_that_died_is_ended_by_the_next(
    cloud: Cloud, api: RegistryApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A condemned row promises nothing, whether its object is there or not."""
    digest = api.bring(b"blob")
    cloud.clock.advance(LONG)
    delete = FileStore.delete

    def die(store: FileStore, key: str) -> None:
        delete(store, key)
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(FileStore, "delete", die)
        with pytest.raises(ZeroDivisionError):
            run(cloud)
    assert objects(cloud) == []
    assert not api.has(digest)
    assert api.begin(b"blob")["parts"][0]["url"]
    assert run(cloud).blobs == 1
    with cloud.services.database.read() as session:
        assert session.get(Blob, ("acme", digest)) is None
    assert api.has(api.bring(b"blob"))


def test_blob_brought_while_it_is_condemned_comes_back(
    cloud: Cloud, api: RegistryApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = api.bring(b"blob")
    cloud.clock.advance(LONG)

    def die(_store: FileStore, _key: str) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(FileStore, "delete", die)
        with pytest.raises(ZeroDivisionError):
            run(cloud)
    upload = api.begin(b"blob")
    api.send_parts(upload, b"blob")
    assert api.complete(upload).status_code == 200
    assert run(cloud).blobs == 0
    assert api.has(digest)


def test_blob_collected_before_it_was_promised_is_brought_again(
    cloud: Cloud, api: RegistryApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the object's move and its row a collection may take it for a crash's: nothing is promised then."""
    upload = api.begin(b"blob")
    api.send_parts(upload, b"blob")
    move = FileStore.move

    def collected(store: FileStore, source: str, target: str) -> None:
        move(store, source, target)
        os.utime(cloud.services.settings.data_dir / "objects" / target, (0, 0))
        assert run(cloud).orphans == 1

    with monkeypatch.context() as between:
        between.setattr(FileStore, "move", collected)
        assert api.complete(upload).status_code == 404
    assert not api.has(upload["digest"])
    assert api.has(api.bring(b"blob"))


def test_what_a_collection_removed_is_in_the_audit(
    cloud: Cloud, api: RegistryApi, argmax: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def entries(tenant: str = "acme") -> list[tuple[str, dict[str, Any]]]:
        items = RegistryApi(cloud, tenant).ask("GET", "/audit").json()["items"]
        return [(one["actor"], one["detail"]) for one in items if one["action"] == "registry.collect"]

    RegistryApi(cloud, "umbrella").bring(b"of another tenant")
    api.bring(b"blob")
    api.begin(b"stale")
    run(cloud)
    assert entries() == [], "nothing was removed"
    cloud.clock.advance(LONG)
    put_at(cloud, f"acme/uploads/{'0' * 32}", LONG)
    run(cloud)
    expected = {"blobs": 1, "blob_bytes": 4, "uploads": 1, "orphans": 1}
    assert entries() == [("test", expected)]
    assert entries("umbrella") == [("test", {"blobs": 1, "blob_bytes": 17, "uploads": 0, "orphans": 0})]

    api.push(argmax)
    cloud.clock.advance(LONG)
    assert api.ask("DELETE", "/bundles/argmax/versions/1").status_code == 204
    actor, detail = entries()[0]
    assert actor.startswith("token:")
    assert detail["blob_bytes"] == sum(sizes_of(argmax).values())

    api.bring(b"one")
    api.bring(b"two")
    cloud.clock.advance(LONG)
    delete = FileStore.delete

    def fail_at_second(store: FileStore, key: str) -> None:
        delete(store, key)
        monkeypatch.setattr(FileStore, "delete", refuse)

    def refuse(_store: FileStore, _key: str) -> None:
        raise StoreUnavailableError("away")

    monkeypatch.setattr(FileStore, "delete", fail_at_second)
    with pytest.raises(StoreUnavailableError):
        run(cloud)
    assert entries()[0] == ("test", {"blobs": 1, "blob_bytes": 3, "uploads": 0, "orphans": 0})


def test_pushes_beside_collections_end_with_every_blob_there(cloud: Cloud, argmax: Bundle, tmp_path: Path) -> None:
    """Time runs fast: every blob is collectable at once, were it not for the push that relies on it."""
    failures: list[BaseException] = []
    done = threading.Event()

    def guarded(action: Callable[[], Any]) -> None:
        try:
            while not done.is_set():
                action()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failures.append(error)
            done.set()

    def collect_some() -> None:
        services = cloud.services
        collect_blobs(services.database, services.objects, "acme", services.now(), actor="test")

    collector = threading.Thread(target=guarded, args=(collect_some,))
    api = RegistryApi(cloud)
    two = bundle_like(argmax, tmp_path / "two", version="2", model=b"two")
    collector.start()
    try:
        for _ in range(3):
            cloud.clock.advance(LONG)
            for bundle in (argmax, two):
                api.push(bundle)
                assert all(api.has(digest) for digest in sizes_of(bundle))
            cloud.clock.advance(LONG)
            for bundle in (argmax, two):
                assert api.ask("DELETE", f"/bundles/argmax/versions/{bundle.config.version}").status_code == 204
    finally:
        done.set()
        collector.join()
    assert failures == []
    with cloud.services.database.read() as session:
        rows = {blob.digest for blob in session.query(Blob) if blob.condemned_at is None}
    there = {f"sha256:{info.key.rpartition('/')[2]}" for info in objects(cloud, "acme/blobs/")}
    assert rows <= there
