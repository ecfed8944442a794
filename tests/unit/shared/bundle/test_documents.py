"""Every rule of a bundle's documents, each broken alone: whoever drops one lets something through."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roost_shared.bundle import BadBlobPathError, Bundle, BundleError, BundleVersionError, oci
from roost_shared.bundle.documents import (
    MAX_JSON_BYTES,
    check_digest,
    config_layer,
    parse_config,
    parse_index,
    parse_manifest,
)
from roost_shared.bundle.layout import blob_path
from roost_shared.digest import digest_of
from tests.support.tiny_bundle import tiny_bundle

WHERE = Path("document")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(tmp_path_factory.mktemp("documents") / "b")


@pytest.fixture
def index(bundle: Bundle) -> Any:
    return json.loads((bundle.folder / "index.json").read_text())


@pytest.fixture
def manifest(bundle: Bundle) -> Any:
    return json.loads(blob_path(bundle.folder, bundle.digest).read_text())


@pytest.fixture
def config(bundle: Bundle) -> Any:
    layer = config_layer(WHERE, bundle.manifest)
    return json.loads(blob_path(bundle.folder, layer.digest).read_text())


def as_bytes(document: Any) -> bytes:
    return json.dumps(document).encode()


def test_sound_documents_pass(bundle: Bundle, index: Any, manifest: Any, config: Any) -> None:
    assert parse_index(WHERE, as_bytes(index)).digest == bundle.digest
    assert parse_manifest(WHERE, as_bytes(manifest)) == bundle.manifest
    assert parse_config(WHERE, as_bytes(config), bundle.manifest) == bundle.config


@pytest.mark.parametrize("times", [0, 2])
def test_an_index_names_one_bundle(index: Any, times: int) -> None:
    index["manifests"] *= times
    with pytest.raises(BundleError, match=f"names {times} image manifests"):
        parse_index(WHERE, as_bytes(index))


def test_what_is_no_image_manifest_is_no_second_bundle(bundle: Bundle, index: Any) -> None:
    index["manifests"].insert(0, {**index["manifests"][0], "mediaType": "text/plain", "digest": digest_of(b"")})
    assert parse_index(WHERE, as_bytes(index)).digest == bundle.digest


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        pytest.param(lambda one: one.update(mediaType="text/plain"), "not an OCI image manifest", id="media-type"),
        pytest.param(lambda one: one.update(artifactType="text/plain"), "not a ModelPack model", id="artifact-type"),
        pytest.param(lambda one: one.update(schemaVersion=1), "schemaVersion", id="schema-version"),
        pytest.param(lambda one: one.update(layers=[]), "layers", id="no-layers"),
        pytest.param(lambda one: one["layers"][0].update(size=-1), "size", id="negative-size"),
    ],
)
def test_a_manifest_is_of_a_model(manifest: Any, spoil: Callable[[Any], None], problem: str) -> None:
    spoil(manifest)
    with pytest.raises(BundleError, match=problem):
        parse_manifest(WHERE, as_bytes(manifest))


@pytest.mark.parametrize("place", ["config", "layer"])
def test_every_digest_of_a_manifest_is_one(manifest: Any, place: str) -> None:
    blob = manifest["config"] if place == "config" else manifest["layers"][-1]
    blob["digest"] = f"sha256:../../{'0' * 58}"
    with pytest.raises(BadBlobPathError):
        parse_manifest(WHERE, as_bytes(manifest))


@pytest.mark.parametrize(
    "digest",
    ["", f"md5:{'0' * 64}", f"sha256:{'0' * 63}", f"sha256:{'0' * 65}", f"sha256:{'A' * 64}", f"sha256:{'0' * 64}\n"],
    ids=repr,
)
def test_what_could_become_another_path_is_no_digest(digest: str) -> None:
    with pytest.raises(BadBlobPathError):
        check_digest(WHERE, digest)


@pytest.mark.parametrize("times", [0, 2])
def test_one_layer_is_the_bundles_own_document(manifest: Any, times: int) -> None:
    own = [one for one in manifest["layers"] if one["annotations"][oci.FILEPATH_ANNOTATION] == oci.CONFIG_FILE]
    others = [one for one in manifest["layers"] if one not in own]
    manifest["layers"] = own * times + others
    with pytest.raises(BundleError, match=f"{times} layers are called roost.json"):
        config_layer(WHERE, parse_manifest(WHERE, as_bytes(manifest)))


def test_a_document_too_large_is_refused_before_it_is_read(manifest: Any) -> None:
    manifest["layers"][0]["size"] = MAX_JSON_BYTES
    assert config_layer(WHERE, parse_manifest(WHERE, as_bytes(manifest))).size == MAX_JSON_BYTES
    manifest["layers"][0]["size"] += 1
    with pytest.raises(BundleError, match="larger than"):
        config_layer(WHERE, parse_manifest(WHERE, as_bytes(manifest)))


@pytest.mark.parametrize(("version", "side"), [(0, "upgrade the bundle"), (2, "upgrade this side")])
def test_another_schema_says_which_side_to_upgrade(bundle: Bundle, config: Any, version: int, side: str) -> None:
    with pytest.raises(BundleVersionError, match=side):
        parse_config(WHERE, as_bytes({**config, "schema_version": version}), bundle.manifest)


@pytest.mark.parametrize("what", ["stage", "golden"])
@pytest.mark.parametrize("change", [{"digest": digest_of(b"")}, {"size_bytes": 1}], ids=["digest", "size"])
def test_a_document_names_only_what_the_manifest_carries(
    bundle: Bundle, config: Any, what: str, change: dict[str, Any]
) -> None:
    (config["stages"][0] if what == "stage" else config["golden"]).update(change)
    with pytest.raises(BundleError, match="is no layer of the manifest"):
        parse_config(WHERE, as_bytes(config), bundle.manifest)


def test_a_document_that_contradicts_itself_is_refused(bundle: Bundle, config: Any) -> None:
    config["labels"].pop()
    with pytest.raises(BundleError, match="labels for"):
        parse_config(WHERE, as_bytes(config), bundle.manifest)


def test_text_that_is_none_is_refused_also_where_it_is_read_past(bundle: Bundle, config: Any) -> None:
    data = as_bytes(config).removesuffix(b"}")
    for unknown in (b'"x": "\xff"', b'"\xff": 1'):
        with pytest.raises(BundleError):
            parse_config(WHERE, data + b", " + unknown + b"}", bundle.manifest)
