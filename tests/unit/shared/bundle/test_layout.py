import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roost_shared.bundle import BundleConfig, BundleExistsError, BundleVersionError, open_bundle
from roost_shared.bundle.golden import decode_golden, encode_golden
from roost_shared.bundle.writer import write_bundle
from roost_shared.digest import digest_of
from tests.support.tiny_bundle import tiny_bundle


def test_a_bundle_reads_back_as_written(tmp_path: Path) -> None:
    built = tiny_bundle(tmp_path / "b")
    opened = open_bundle(tmp_path / "b")
    assert opened.digest == built.digest
    assert opened.config == built.config
    assert opened.reference == f"colours:1@{built.digest}"
    assert opened.stage_path("model").read_bytes()[4:8] == b"TFL3"
    assert len(decode_golden(opened.golden_path, opened.config.golden)) == opened.config.golden.vectors


def test_the_same_inputs_give_the_same_digest(tmp_path: Path) -> None:
    assert tiny_bundle(tmp_path / "a").digest == tiny_bundle(tmp_path / "b").digest


def test_another_version_is_another_digest(tmp_path: Path) -> None:
    assert tiny_bundle(tmp_path / "a").digest != tiny_bundle(tmp_path / "b", version="2").digest


def test_writing_the_same_bundle_again_changes_nothing(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "b")
    tiny_bundle(tmp_path / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_another_bundle_is_never_overwritten(tmp_path: Path) -> None:
    first = tiny_bundle(tmp_path / "b")
    with pytest.raises(BundleExistsError):
        tiny_bundle(tmp_path / "b", version="2")
    assert open_bundle(tmp_path / "b").digest == first.digest
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_model_pack_tool_finds_its_documents(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "b")
    index = json.loads((tmp_path / "b" / "index.json").read_text())
    manifest = _blob(tmp_path / "b", index["manifests"][0]["digest"])
    assert manifest["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
    config = _blob(tmp_path / "b", manifest["config"]["digest"])
    assert set(config) == {"descriptor", "config", "modelfs"}, "ModelPack's schema is closed"
    assert config["modelfs"]["diffIds"] == [layer["digest"] for layer in manifest["layers"]]
    names = [layer["annotations"]["org.cncf.model.filepath"] for layer in manifest["layers"]]
    assert names == ["roost.json", "model.tflite", "golden.msgpack"]
    assert index["mediaType"] == "application/vnd.oci.image.index.v1+json"
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert manifest["config"]["mediaType"] == "application/vnd.cncf.model.config.v1+json"
    assert [layer["mediaType"] for layer in manifest["layers"]] == [
        "application/vnd.cncf.model.weight.config.v1.raw",
        "application/vnd.cncf.model.weight.v1.raw",
        "application/vnd.cncf.model.dataset.v1.raw",
    ]
    assert (index["schemaVersion"], manifest["schemaVersion"], config["modelfs"]["type"]) == (2, 2, "layers")
    assert _blob(tmp_path / "b", manifest["layers"][0]["digest"])["schema_version"] == 1


def test_a_newer_document_says_which_side_to_upgrade(tmp_path: Path) -> None:
    built = tiny_bundle(tmp_path / "a")
    newer = msgspec.structs.replace(built.config, schema_version=99)
    with pytest.raises(BundleVersionError, match="upgrade this side"):
        _write(tmp_path / "b", newer, built.stage_path("model"), built.golden_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a"], "what cannot be read is not left behind"


def test_a_stage_is_found_by_name_and_format(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "b")
    assert bundle.stage_path("model", "tflite") == bundle.stage_path("model")
    for name, stage_format in (("head", None), ("model", "onnx")):
        with pytest.raises(KeyError, match=name):
            bundle.stage_path(name, stage_format)  # type: ignore[arg-type]  # a Literal in a loop is a str


def test_a_bundle_behind_a_pointer_keeps_its_folder(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "one")
    pointer = tmp_path / "current"
    pointer.symlink_to("one")
    assert open_bundle(pointer).folder == tmp_path / "one"


def test_golden_vectors_encode_the_same_every_time(tmp_path: Path) -> None:
    built = tiny_bundle(tmp_path / "b")
    data = encode_golden(decode_golden(built.golden_path, built.config.golden))
    assert digest_of(data) == built.config.golden.digest


def _blob(folder: Path, digest: str) -> Any:
    return json.loads((folder / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_text())


def _write(folder: Path, config: BundleConfig, *blobs: Path) -> None:
    write_bundle(folder, config, [blob.read_bytes() for blob in blobs])
