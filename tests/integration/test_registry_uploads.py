"""Blobs on their way into the registry, by its API: begun, sent and completed, by several at once."""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from roost_cloud.errors import NotFoundError
from roost_cloud.objects import ObjectStore, StoredPart, Upload
from roost_cloud.objects.disk import StagedFile
from roost_cloud.objects.files import FileStore
from roost_cloud.objects.receiving import hash_object
from roost_cloud.registry import uploads
from roost_cloud.registry.errors import DigestMismatchError
from roost_shared.digest import digest_of
from tests.support.cloud import Cloud
from tests.support.registry import RegistryApi, code_of

NOWHERE = f"sha256:{'0' * 64}"


@pytest.fixture
def api(cloud: Cloud) -> RegistryApi:
    return RegistryApi(cloud)


@pytest.mark.one_database
def test_bytes_of_another_digest_are_refused_and_forgotten(cloud: Cloud, api: RegistryApi) -> None:
    upload = api.begin(b"right", digest_of(b"right"))
    api.send_parts(upload, b"wrong")
    refused = api.complete(upload)
    assert (refused.status_code, code_of(refused)) == (422, "blob.digest_mismatch")
    assert api.ask("GET", f"/uploads/{upload['id']}").status_code == 404
    assert list(cloud.services.objects.list_objects("acme/")) == []
    assert api.has(api.bring(b"right"))


def test_half_sent_blob_is_not_completed_and_goes_on(api: RegistryApi, small_parts: int) -> None:
    data = bytes(3 * small_parts)
    upload = api.begin(data)
    api.send_parts(upload, data, 1, 3)
    refused = api.complete(upload)
    assert (refused.status_code, code_of(refused)) == (422, "objects.parts_missing")
    again = api.begin(data)
    assert again["id"] == upload["id"]
    assert [part["done"] for part in again["parts"]] == [True, False, True]
    api.send_parts(again, data)
    assert api.complete(again).status_code == 200
    assert api.begin(data) == {"exists": True}


@pytest.mark.one_database
def test_part_of_another_size_is_refused(cloud: Cloud, api: RegistryApi) -> None:
    upload = api.begin(b"four")
    assert cloud.client.put(upload["parts"][0]["url"], content=b"three").status_code == 422
    assert api.complete(upload).status_code == 422


def test_wrong_size_of_a_blob_stands_in_nobodys_way(api: RegistryApi) -> None:
    digest = digest_of(b"four")
    wrong = api.ask("POST", "/uploads", json={"digest": digest, "size_bytes": 5}).json()
    api.send_parts(wrong, b"four\n")
    assert api.has(api.bring(b"four"))
    assert api.complete(wrong).status_code == 422
    refused = api.ask("POST", "/uploads", json={"digest": digest, "size_bytes": 5})
    assert (refused.status_code, code_of(refused)) == (422, "blob.size_mismatch")
    assert api.has(digest)


def test_completing_twice_is_no_error_for_who_asks_again(api: RegistryApi) -> None:
    upload = api.begin(b"data")
    api.send_parts(upload, b"data")
    assert api.complete(upload).status_code == 200
    assert api.complete(upload).status_code == 404  # the client then asks anew, and hears that it exists
    assert api.begin(b"data") == {"exists": True}


def test_blob_is_what_was_hashed_whoever_else_completes_it(
    cloud: Cloud, api: RegistryApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One who assembled other bytes, and was slow, must not put them where the hashed ones were."""
    upload = api.begin(b"right")
    api.send_parts(upload, b"wrong")
    assembled, go_on = threading.Event(), threading.Event()
    commit = StagedFile.commit

    def slow_commit(staged: StagedFile) -> None:
        if threading.current_thread() is not threading.main_thread() and not assembled.is_set():
            assembled.set()
            go_on.wait(1)
        commit(staged)

    def hash_then_wait(store: ObjectStore, key: str) -> str:
        found = hash_object(store, key)
        go_on.set()
        return found

    services = cloud.services
    arguments = {"tenant": "acme", "upload_id": upload["id"], "actor": "test", "now": services.now()}
    with ThreadPoolExecutor(2) as others:
        monkeypatch.setattr(StagedFile, "commit", slow_commit)
        slow = others.submit(uploads.complete, services.database, services.objects, **arguments)
        assert assembled.wait(60)
        api.send_parts(upload, b"right")
        monkeypatch.setattr(uploads, "hash_object", hash_then_wait)
        fast = others.submit(uploads.complete, services.database, services.objects, **arguments)
        for outcome in (fast, slow):
            with contextlib.suppress(NotFoundError, DigestMismatchError):
                outcome.result(20)
    for info in services.objects.list_objects("acme/blobs/"):
        with services.objects.open(info.key) as reader:
            assert reader.read() == b"right"
    assert api.has(api.bring(b"right"))


def test_two_who_complete_at_once_hear_of_the_same_blob(api: RegistryApi, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = api.begin(b"data")
    api.send_parts(upload, b"data")
    move = FileStore.move

    def second_in_between(store: FileStore, source: str, target: str) -> None:
        move(store, source, target)
        monkeypatch.setattr(FileStore, "move", move)
        assert api.complete(upload).status_code == 200

    monkeypatch.setattr(FileStore, "move", second_in_between)
    assert api.complete(upload).status_code == 200
    assert [entry["action"] for entry in api.ask("GET", "/audit").json()["items"]].count("blob.store") == 1


def test_upload_completed_while_another_asks_for_it_is_no_error(
    api: RegistryApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two push one bundle: the first completes a blob just as the second hears that its upload is under way."""
    upload = api.begin(b"data")
    api.send_parts(upload, b"data")
    list_parts = FileStore.list_parts

    def completed_then(store: FileStore, of: Upload) -> list[StoredPart]:
        found = list_parts(store, of)
        monkeypatch.setattr(FileStore, "list_parts", list_parts)
        assert api.complete(upload).status_code == 200
        return found

    monkeypatch.setattr(FileStore, "list_parts", completed_then)
    again = api.begin(b"data")
    assert (again["id"], [part["done"] for part in again["parts"]]) == (upload["id"], [True])
    assert api.complete(again).status_code == 404
    assert api.begin(b"data") == {"exists": True}


def test_store_that_is_slow_keeps_nobody_from_writing(
    cloud: Cloud, api: RegistryApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite a transaction that waits for the store would keep everybody else waiting."""
    written: list[str] = []

    def watched(name: str) -> Callable[..., Any]:
        method = getattr(FileStore, name)

        def call(store: FileStore, *args: Any, **options: Any) -> Any:
            with ThreadPoolExecutor(1) as other:
                other.submit(cloud.tenant, name.replace("_", "-")).result(10)
            written.append(name)
            return method(store, *args, **options)

        return call

    for name in ("begin_upload", "list_parts", "complete_upload", "open", "move"):
        monkeypatch.setattr(FileStore, name, watched(name))
    upload = api.begin(b"data")
    assert api.begin(b"data")["id"] == upload["id"]
    api.send_parts(upload, b"data")
    assert api.complete(upload).status_code == 200
    assert {"begin_upload", "list_parts", "complete_upload", "open", "move"} == set(written)


def test_aborted_upload_leaves_nothing(cloud: Cloud, api: RegistryApi) -> None:
    upload = api.begin(b"data")
    api.send_parts(upload, b"data")
    assert api.ask("DELETE", f"/uploads/{upload['id']}").status_code == 204
    assert api.ask("DELETE", f"/uploads/{upload['id']}").status_code == 404
    assert api.complete(upload).status_code == 404
    assert cloud.client.put(upload["parts"][0]["url"], content=b"data").status_code == 404


@pytest.mark.one_database
@pytest.mark.parametrize(
    "body",
    [
        {"digest": "sha256:xyz", "size_bytes": 1},
        {"digest": NOWHERE + "\n", "size_bytes": 1},
        {"digest": NOWHERE, "size_bytes": -1},
        {"digest": NOWHERE, "size_bytes": 1 << 62},
        {"digest": NOWHERE},
    ],
    ids=str,
)
def test_upload_of_nothing_that_can_be_is_refused(api: RegistryApi, body: dict[str, Any]) -> None:
    assert api.ask("POST", "/uploads", json=body).status_code == 422


def test_upload_that_ends_while_somebody_asks_for_it_waits_for_the_answer(cloud: Cloud, api: RegistryApi) -> None:
    services, upload_id = cloud.services, api.begin(b"half")["id"]
    cloud.clock.advance(timedelta(seconds=1))
    with ThreadPoolExecutor(1) as other:
        with services.database.begin() as session:
            upload = uploads.touch(session, "acme", upload_id, services.now())
            ending = other.submit(uploads.discard, services.database, services.objects, upload)
            with pytest.raises(TimeoutError):
                ending.result(0.2)
        ending.result(10)
    assert api.ask("GET", f"/uploads/{upload_id}").status_code == 404


@pytest.mark.one_database
def test_empty_blob_is_a_blob(api: RegistryApi) -> None:
    assert api.has(api.bring(b""))
