"""The registry's rules by its API: what is refused, what stays, who sees what. On both databases."""

import contextlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from roost_cloud.errors import NotFoundError
from roost_cloud.objects import ObjectStore
from roost_cloud.objects.disk import StagedFile
from roost_cloud.objects.files import FileStore
from roost_cloud.registry import uploads
from roost_cloud.registry.errors import DigestMismatchError
from roost_shared.bundle import Bundle, oci
from roost_shared.bundle.layout import blob_path
from roost_shared.digest import digest_of
from tests.support.cloud import Cloud
from tests.support.registry import RegistryApi, code_of
from tests.support.served_cloud import bundle_like, manifest_of

NOWHERE = f"sha256:{'0' * 64}"


@pytest.fixture
def api(cloud: Cloud) -> RegistryApi:
    return RegistryApi(cloud)


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
    commit, digest = StagedFile.commit, uploads._digest

    def slow_commit(staged: StagedFile) -> None:
        if threading.current_thread() is not threading.main_thread() and not assembled.is_set():
            assembled.set()
            go_on.wait(1)
        commit(staged)

    def digest_then_wait(store: ObjectStore, key: str) -> str:
        found = digest(store, key)
        go_on.set()
        return found

    services = cloud.services
    arguments = {"tenant": "acme", "upload_id": upload["id"], "actor": "test", "now": services.now()}
    with ThreadPoolExecutor(2) as others:
        monkeypatch.setattr(StagedFile, "commit", slow_commit)
        slow = others.submit(uploads.complete, services.database, services.objects, **arguments)
        assert assembled.wait(20)
        api.send_parts(upload, b"right")
        monkeypatch.setattr(uploads, "_digest", digest_then_wait)
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


def test_blob_is_read_in_ranges_from_a_signed_url(cloud: Cloud, api: RegistryApi) -> None:
    digest = api.bring(b"0123456789")
    assert api.ask("HEAD", f"/blobs/{digest}").headers["Content-Length"] == "10"
    answer = api.ask("GET", f"/blobs/{digest}")
    assert answer.status_code == 307
    ranged = cloud.client.get(answer.headers["Location"], headers={"Range": "bytes=4-"})
    assert (ranged.status_code, ranged.content) == (206, b"456789")


def test_version_needs_all_its_blobs(api: RegistryApi, argmax: Bundle) -> None:
    refused = api.publish(argmax)
    assert (refused.status_code, code_of(refused)) == (422, "bundle.blobs_missing")
    assert argmax.config.stages[0].digest in refused.json()["error"]["message"]
    assert api.ask("GET", "/bundles").json()["items"] == []


def test_version_is_for_ever_the_same(api: RegistryApi, argmax: Bundle, tmp_path: Path) -> None:
    api.push(argmax)
    assert api.publish(argmax).status_code == 200
    other = bundle_like(argmax, tmp_path / "other", version="1", model=b"another head")
    api.bring_blobs(other)
    refused = api.publish(other)
    assert (refused.status_code, code_of(refused)) == (409, "bundle.version_taken")
    assert api.ask("DELETE", "/bundles/argmax/versions/1").status_code == 204
    assert code_of(api.publish(other)) == "bundle.version_taken"
    assert api.ask("GET", "/bundles/argmax/versions/1").status_code == 404
    assert api.publish(argmax).status_code == 201  # the very same may come again
    assert api.ask("GET", "/bundles/argmax/versions/1").json()["digest"] == argmax.digest


def test_bundle_is_published_under_its_own_name(api: RegistryApi, argmax: Bundle) -> None:
    api.bring_blobs(argmax)
    for changed in ({"name": "argmin"}, {"version": "2"}):
        refused = api.publish(argmax, **changed)
        assert (refused.status_code, code_of(refused)) == (422, "bundle.name_mismatch")


def _foreign(manifest: dict[str, Any]) -> None:
    manifest["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json"


def _no_model(manifest: dict[str, Any]) -> None:
    manifest["artifactType"] = "application/vnd.oci.empty.v1+json"


def _no_config(manifest: dict[str, Any]) -> None:
    manifest["layers"] = [one for one in manifest["layers"] if "roost" not in json.dumps(one)]


def _path_as_digest(manifest: dict[str, Any]) -> None:
    manifest["layers"][1]["digest"] = "sha256:../../../etc/passwd"


def _other_size(manifest: dict[str, Any]) -> None:
    manifest["layers"][1]["size"] += 1


def _two_sizes(manifest: dict[str, Any]) -> None:
    manifest["layers"].append({**manifest["layers"][1], "size": 1})


def _too_many_layers(manifest: dict[str, Any]) -> None:
    manifest["layers"] *= 20


def _no_stage(manifest: dict[str, Any]) -> None:
    del manifest["layers"][1]


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (_foreign, "bundle.invalid"),
        (_no_model, "bundle.invalid"),
        (_no_config, "bundle.invalid"),
        (_path_as_digest, "bundle.bad_path"),
        (_other_size, "blob.size_mismatch"),
        (_two_sizes, "bundle.invalid"),
        (_too_many_layers, "bundle.invalid"),
        (_no_stage, "bundle.invalid"),
    ],
)
def test_manifest_that_is_no_bundles_is_refused(
    api: RegistryApi, argmax: Bundle, spoil: Callable[[dict[str, Any]], None], code: str
) -> None:
    api.bring_blobs(argmax)
    manifest = json.loads(manifest_of(argmax))
    spoil(manifest)
    refused = api.publish(argmax, manifest=json.dumps(manifest).encode())
    assert (refused.status_code, code_of(refused)) == (422, code)
    assert api.ask("GET", "/bundles").json()["items"] == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"null", b"[" * 100_000], ids=repr)
def test_body_that_is_no_manifest_is_refused(api: RegistryApi, argmax: Bundle, body: bytes) -> None:
    refused = api.ask("PUT", "/bundles/argmax/versions/1", content=body)
    assert (refused.status_code, code_of(refused)) == (422, "bundle.invalid")
    too_large = api.publish(argmax, manifest=b" " * (5 << 20))
    assert too_large.status_code == 413


def test_manifest_that_is_no_text_is_refused_wherever_that_shows(api: RegistryApi, argmax: Bundle) -> None:
    api.bring_blobs(argmax)
    manifest = manifest_of(argmax).rstrip().removesuffix(b"}")
    for unknown in (b'"x": "\xff"', b'"x": ["\xff"]', b'"\xff": 1'):  # in what is read past
        refused = api.publish(argmax, manifest=manifest + b", " + unknown + b"}")
        assert (refused.status_code, code_of(refused)) == (422, "bundle.invalid")
    assert api.ask("GET", "/bundles").json()["items"] == []


def test_config_that_is_no_config_is_refused(api: RegistryApi, argmax: Bundle) -> None:
    api.bring_blobs(argmax)
    manifest = json.loads(manifest_of(argmax))
    layer = next(one for one in manifest["layers"] if one["annotations"][oci.FILEPATH_ANNOTATION] == oci.CONFIG_FILE)
    for config, code in ((b"{}", "bundle.invalid"), (b'{"schema_version": 99}', "bundle.version")):
        layer["digest"], layer["size"] = api.bring(config), len(config)
        refused = api.publish(argmax, manifest=json.dumps(manifest).encode())
        assert (refused.status_code, code_of(refused)) == (422, code)


def test_training_run_that_no_row_can_hold_is_refused(api: RegistryApi, argmax: Bundle, tmp_path: Path) -> None:
    for number, run in enumerate(("x" * 201, "run\x00", "")):
        odd = bundle_like(argmax, tmp_path / str(number), version="2", training_run=run)
        api.bring_blobs(odd)
        assert code_of(api.publish(odd)) == "bundle.invalid"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/blobs/sha256:..%2f..%2froost.db"),
        ("GET", f"/blobs/SHA256:{'0' * 64}"),
        ("GET", f"/blobs/sha256:{'0' * 64}%0a"),
        ("GET", "/bundles/..%2fother/versions/1"),
        ("GET", "/bundles/.hidden"),
        ("GET", "/bundles/argmax/versions/..%2f2"),
        ("PUT", "/bundles/Argmax/versions/1"),
        ("GET", "/uploads/..%2f..%2fx"),
        ("GET", "/bundles/argmax/aliases/@/history"),
    ],
)
def test_names_that_are_paths_reach_no_room(api: RegistryApi, method: str, path: str) -> None:
    assert api.ask(method, path).status_code in (404, 422)


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
            upload = uploads.resume(session, "acme", upload_id, services.now())
            ending = other.submit(uploads.discard, services.database, services.objects, upload)
            with pytest.raises(TimeoutError):
                ending.result(0.2)
        ending.result(10)
    assert api.ask("GET", f"/uploads/{upload_id}").status_code == 404


def test_empty_blob_is_a_blob(api: RegistryApi) -> None:
    assert api.has(api.bring(b""))


def test_tenants_see_nothing_of_each_other(cloud: Cloud, api: RegistryApi, argmax: Bundle) -> None:
    api.push(argmax)
    api.ask("PUT", "/bundles/argmax/aliases/stable", json={"version": "1"})
    upload = api.begin(b"on its way")
    other = RegistryApi(cloud, "umbrella")
    blob = argmax.config.stages[0]
    body = {"digest": blob.digest, "size_bytes": blob.size_bytes}
    assert other.ask("POST", "/uploads", json=body).status_code == 201  # not `exists`
    for method, path in (
        ("HEAD", f"/blobs/{blob.digest}"),
        ("GET", f"/blobs/{blob.digest}"),
        ("GET", f"/uploads/{upload['id']}"),
        ("POST", f"/uploads/{upload['id']}/complete"),
        ("DELETE", f"/uploads/{upload['id']}"),
        ("GET", "/bundles/argmax"),
        ("GET", "/bundles/argmax/versions/1"),
        ("DELETE", "/bundles/argmax/versions/1"),
        ("GET", "/bundles/argmax/aliases/stable/history"),
        ("DELETE", "/bundles/argmax/aliases/stable"),
    ):
        assert other.ask(method, path).status_code == 404, (method, path)
    assert other.ask("PUT", "/bundles/argmax/aliases/mine", json={"version": "1"}).status_code == 404
    assert other.ask("GET", "/bundles").json()["items"] == []
    assert other.ask("GET", "/bundles/argmax/aliases").json()["items"] == []
    assert code_of(other.publish(argmax)) == "bundle.blobs_missing"
    # Nor do they stand in each other's way: the same name means each one's own.
    other.push(argmax)
    assert other.ask("DELETE", "/bundles/argmax/versions/1").status_code == 204
    assert api.has(blob.digest)


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("POST", "/uploads", "viewer"),
        ("PUT", "/bundles/argmax/versions/1", "viewer"),
        ("PUT", "/bundles/argmax/aliases/stable", "viewer"),
        ("DELETE", "/bundles/argmax/versions/1", "operator"),
    ],
)
def test_roles_limit_what_is_done(cloud: Cloud, method: str, path: str, role: Any) -> None:
    body = {"digest": NOWHERE, "size_bytes": 1, "version": "1"}
    for headers, status in ((cloud.headers("acme", role), 403), (cloud.headers(None), 403), ({}, 401)):
        assert cloud.client.request(method, f"/api/v1{path}", json=body, headers=headers).status_code == status


def test_alias_moves_and_every_move_is_kept(api: RegistryApi, argmax: Bundle, tmp_path: Path) -> None:
    api.push(argmax)
    api.push(bundle_like(argmax, tmp_path / "two", version="2", model=b"two"))
    for version in ("1", "2", "2", "1"):  # to where it is already is no move
        answer = api.ask("PUT", "/bundles/argmax/aliases/stable", json={"version": version})
        assert (answer.status_code, answer.json()["version"]) == (200, version)
    assert api.ask("PUT", "/bundles/argmax/aliases/stable", json={"version": "3"}).status_code == 404
    refused = api.ask("DELETE", "/bundles/argmax/versions/1")
    assert (refused.status_code, code_of(refused)) == (409, "bundle.in_use")
    assert api.ask("DELETE", "/bundles/argmax/versions/2").status_code == 204
    assert api.ask("DELETE", "/bundles/argmax/aliases/stable").status_code == 204
    assert api.ask("DELETE", "/bundles/argmax/aliases/stable").status_code == 404
    history = "/bundles/argmax/aliases/stable/history"
    moves = api.ask("GET", history).json()["items"]
    assert [(move["from_version"], move["to_version"]) for move in moves] == [
        ("1", None), ("2", "1"), ("1", "2"), (None, "1"),
    ]  # fmt: skip
    first = api.ask("GET", history, params={"limit": 3}).json()
    rest = api.ask("GET", history, params={"limit": 3, "after": first["next"]}).json()
    assert first["items"] + rest["items"] == moves
    assert rest["next"] is None


def test_lists_come_in_pages(cloud: Cloud, api: RegistryApi, argmax: Bundle, tmp_path: Path) -> None:
    for number in range(5):
        cloud.clock.advance(timedelta(seconds=1))
        version = f"1.{number}"
        api.push(bundle_like(argmax, tmp_path / version, version=version, model=version.encode()))
    api.push(bundle_like(argmax, tmp_path / "b", version="1", name="other"))
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = api.ask("GET", "/bundles/argmax", params={"limit": 2, **after}).json()
        seen += [one["version"] for one in page["items"]]
        if page["next"] is None:
            break
        api.ask("DELETE", f"/bundles/argmax/versions/{page['next']}")  # the place stays marked
        after = {"after": page["next"]}
    assert seen == ["1.4", "1.3", "1.2", "1.1", "1.0"]
    names = api.ask("GET", "/bundles", params={"limit": 1}).json()
    assert [(one["name"], one["versions"]) for one in names["items"]] == [("argmax", 3)]
    assert [one["name"] for one in api.ask("GET", "/bundles", params={"after": names["next"]}).json()["items"]] == [
        "other"
    ]
    assert api.ask("GET", "/bundles/argmax", params={"after": "never"}).status_code == 404


def test_every_change_is_audited(api: RegistryApi, argmax: Bundle) -> None:
    api.push(argmax)
    api.ask("PUT", "/bundles/argmax/aliases/stable", json={"version": "1"})
    api.ask("DELETE", "/bundles/argmax/aliases/stable")
    api.ask("DELETE", "/bundles/argmax/versions/1")
    entries = api.ask("GET", "/audit", params={"limit": 100}).json()["items"]
    actions = [entry["action"] for entry in entries if not entry["action"].startswith(("tenant", "token"))]
    assert actions == ["bundle.delete", "alias.delete", "alias.move", "bundle.push", *["blob.store"] * 5]


def test_damaged_config_in_the_store_is_no_version(cloud: Cloud, api: RegistryApi, argmax: Bundle) -> None:
    api.bring_blobs(argmax)
    config = next(
        layer for layer in argmax.manifest.layers if layer.annotations[oci.FILEPATH_ANNOTATION] == oci.CONFIG_FILE
    )
    data = bytearray(blob_path(argmax.folder, config.digest).read_bytes())
    data[10] ^= 1
    cloud.services.objects.put(f"acme/blobs/sha256/{config.digest.removeprefix('sha256:')}", bytes(data))
    refused = api.publish(argmax)
    assert (refused.status_code, code_of(refused)) == (422, "bundle.altered_blob")
