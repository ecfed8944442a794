"""The registry's rules by its API: what is refused, what stays, who sees what. On both databases."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from roost_shared.bundle import Bundle, oci
from roost_shared.bundle.layout import blob_path
from tests.support.cloud import Cloud
from tests.support.registry import RegistryApi, code_of
from tests.support.served_cloud import bundle_like, manifest_of

NOWHERE = f"sha256:{'0' * 64}"


@pytest.fixture
def api(cloud: Cloud) -> RegistryApi:
    return RegistryApi(cloud)


@pytest.mark.one_database
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


@pytest.mark.one_database
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


@pytest.mark.one_database
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


@pytest.mark.one_database
@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"null", b"[" * 100_000], ids=lambda body: repr(body[:9]))
def test_body_that_is_no_manifest_is_refused(api: RegistryApi, argmax: Bundle, body: bytes) -> None:
    refused = api.ask("PUT", "/bundles/argmax/versions/1", content=body)
    assert (refused.status_code, code_of(refused)) == (422, "bundle.invalid")
    too_large = api.publish(argmax, manifest=b" " * (5 << 20))
    assert too_large.status_code == 413


@pytest.mark.one_database
def test_manifest_that_is_no_text_is_refused_wherever_that_shows(api: RegistryApi, argmax: Bundle) -> None:
    api.bring_blobs(argmax)
    manifest = manifest_of(argmax).rstrip().removesuffix(b"}")
    for unknown in (b'"x": "\xff"', b'"x": ["\xff"]', b'"\xff": 1'):  # in what is read past
        refused = api.publish(argmax, manifest=manifest + b", " + unknown + b"}")
        assert (refused.status_code, code_of(refused)) == (422, "bundle.invalid")
    assert api.ask("GET", "/bundles").json()["items"] == []


@pytest.mark.one_database
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


@pytest.mark.one_database
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


@pytest.mark.one_database
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


@pytest.mark.one_database
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
