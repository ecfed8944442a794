"""A bundle that was damaged, or made to harm, is refused with its own error before a byte of it is used."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from roost_shared.bundle import (
    AlteredBlobError,
    BadBlobPathError,
    Bundle,
    BundleError,
    MissingBlobError,
    open_bundle,
)
from roost_shared.bundle.golden import (
    GoldenMismatchError,
    GoldenOutput,
    GoldenVector,
    compare,
    decode_golden,
    encode_golden,
    golden_output,
)
from roost_shared.bundle.manifest import ImagePayload
from roost_shared.bundle.writer import write_bundle
from roost_shared.digest import digest_of
from roost_shared.pipeline import Pipeline
from roost_shared.runtimes import ModelLoadError, NoRuntimeError
from tests.support.tiny_bundle import colour_model, tiny_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return tiny_bundle(tmp_path / "b")


@pytest.mark.parametrize("which", ["oci-layout", "index.json", "model", "golden", "manifest"])
def test_a_missing_file_is_named(bundle: Bundle, which: str) -> None:
    path = _file(bundle, which)
    path.unlink()
    with pytest.raises(MissingBlobError, match=path.name):
        open_bundle(bundle.folder)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for name in ("nothing", "file"):
        with pytest.raises(MissingBlobError, match=f"{name}.*no bundle is here"):
            open_bundle(tmp_path / name)


def test_another_layout_is_refused(bundle: Bundle) -> None:
    (bundle.folder / "oci-layout").write_text('{"imageLayoutVersion": "2.0.0"}')
    with pytest.raises(BundleError, match=r"oci-layout.*not an OCI image layout 1\.0\.0"):
        open_bundle(bundle.folder)


@pytest.mark.parametrize("which", ["model", "golden", "manifest"])
@pytest.mark.parametrize("damage", ["flipped", "longer", "shorter"])
def test_an_altered_blob_is_named(bundle: Bundle, which: str, damage: str) -> None:
    path = _file(bundle, which)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes({"flipped": bytes(data), "longer": bytes(data) + b"x", "shorter": bytes(data[:-9])}[damage])
    with pytest.raises(AlteredBlobError, match=path.name):
        open_bundle(bundle.folder)


def test_a_byte_behind_a_sound_blob_is_found(bundle: Bundle) -> None:
    path = bundle.stage_path("model")
    size_bytes = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"x")
    with pytest.raises(AlteredBlobError, match=f"holds {size_bytes + 1} bytes, the bundle promises {size_bytes}"):
        open_bundle(bundle.folder)


@pytest.mark.parametrize(
    "digest",
    ["sha256:../../../../etc/passwd", "sha256:" + "A" * 64, "md5:" + "0" * 32, "sha256:" + "0" * 64 + "\n", ""],
)
def test_a_digest_that_is_none_is_refused(bundle: Bundle, digest: str) -> None:
    _edit_index(bundle, lambda index: index["manifests"][0].update(digest=digest))
    with pytest.raises(BadBlobPathError):
        open_bundle(bundle.folder)


def test_a_blob_that_leads_out_of_the_folder_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    path = _file(bundle, "model")
    outside = tmp_path / "outside"
    path.rename(outside)
    path.symlink_to(outside)
    with pytest.raises(BadBlobPathError, match="leads out"):
        open_bundle(bundle.folder)


def test_a_folder_of_blobs_that_leads_out_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    (bundle.folder / "blobs").rename(tmp_path / "elsewhere")
    (bundle.folder / "blobs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadBlobPathError, match="leads out"):
        open_bundle(bundle.folder)


def test_a_pipe_for_a_blob_does_not_hang(bundle: Bundle) -> None:
    path = _file(bundle, "model")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(BadBlobPathError, match="regular file"):
        open_bundle(bundle.folder)


def test_a_loop_of_links_is_refused(bundle: Bundle) -> None:
    path = _file(bundle, "model")
    path.unlink()
    path.symlink_to(path.name)
    with pytest.raises(MissingBlobError):
        open_bundle(bundle.folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"manifests": []}', "[" * 100_000, " " * (5 << 20)])
def test_a_broken_index_is_named(bundle: Bundle, text: str) -> None:
    (bundle.folder / "index.json").write_text(text)
    with pytest.raises(BundleError, match=r"index\.json") as caught:
        open_bundle(bundle.folder)
    assert caught.value.code == "bundle.invalid"


def test_an_index_may_be_4_mebibytes_and_no_more(bundle: Bundle) -> None:
    index = bundle.folder / "index.json"
    text = index.read_bytes()
    index.write_bytes(text + b" " * ((4 << 20) - len(text)))
    assert open_bundle(bundle.folder).digest == bundle.digest
    index.write_bytes(text + b" " * ((4 << 20) + 1 - len(text)))
    with pytest.raises(BundleError, match=r"index\.json.*larger than 4194304 bytes"):
        open_bundle(bundle.folder)


def test_an_index_may_name_other_things_but_one_image_manifest(bundle: Bundle) -> None:
    other = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": "sha256:" + "0" * 64, "size": 1}
    _edit_index(bundle, lambda index: index["manifests"].insert(0, other))
    assert open_bundle(bundle.folder).digest == bundle.digest
    _edit_index(bundle, lambda index: index["manifests"].append(index["manifests"][-1]))
    with pytest.raises(BundleError, match="names 2 image manifests"):
        open_bundle(bundle.folder)


def test_a_document_cut_short_is_named(bundle: Bundle) -> None:
    _edit_document(bundle, lambda document: document[:-20])
    with pytest.raises(BundleError, match="truncated"):
        open_bundle(bundle.folder)


def test_a_document_that_contradicts_itself_is_refused(bundle: Bundle) -> None:
    _edit_document(bundle, lambda document: document.replace(b'"red",', b""))
    with pytest.raises(BundleError, match="2 labels for 3 outputs"):
        open_bundle(bundle.folder)


def test_a_document_that_contradicts_itself_is_not_written(bundle: Bundle, tmp_path: Path) -> None:
    config = msgspec.structs.replace(bundle.config, labels=("red", "green"))
    blobs = [bundle.stage_path("model").read_bytes(), bundle.golden_path.read_bytes()]
    with pytest.raises(BundleError, match="2 labels for 3 outputs"):
        write_bundle(tmp_path / "other", config, blobs)


def test_golden_vectors_catch_other_preprocessing(bundle: Bundle, tmp_path: Path) -> None:
    payload = bundle.config.preprocessing.payload
    assert isinstance(payload, ImagePayload)
    preprocessing = msgspec.structs.replace(
        bundle.config.preprocessing, payload=msgspec.structs.replace(payload, colour="BGR")
    )
    config = msgspec.structs.replace(bundle.config, preprocessing=preprocessing)
    blobs = [bundle.stage_path("model").read_bytes(), bundle.golden_path.read_bytes()]
    other = write_bundle(tmp_path / "other", config, blobs)
    with pytest.raises(GoldenMismatchError) as caught:
        Pipeline.load(other).check_golden()
    assert caught.value.deviation > caught.value.tolerance
    assert caught.value.code == "bundle.golden_mismatch"


def test_golden_vectors_of_another_shape_do_not_match(bundle: Bundle, tmp_path: Path) -> None:
    vectors = [
        msgspec.structs.replace(vector, outputs=())
        for vector in decode_golden(bundle.golden_path, bundle.config.golden)
    ]
    with pytest.raises(GoldenMismatchError):
        Pipeline.load(_with_golden(bundle, tmp_path / "other", encode_golden(vectors))).check_golden()


@pytest.mark.parametrize("values", [b"", b"123", b"\0" * 400])
def test_golden_values_that_are_no_tensor_are_a_bundle_error(bundle: Bundle, tmp_path: Path, values: bytes) -> None:
    def spoil(vector: Any) -> Any:
        outputs = tuple(msgspec.structs.replace(output, values=values) for output in vector.outputs)
        return msgspec.structs.replace(vector, outputs=outputs)

    golden = encode_golden([spoil(vector) for vector in decode_golden(bundle.golden_path, bundle.config.golden)])
    with pytest.raises(BundleError, match="golden vectors"):
        Pipeline.load(_with_golden(bundle, tmp_path / "other", golden)).check_golden()


def test_golden_vectors_larger_than_64_mebibytes_are_not_read(bundle: Bundle) -> None:
    os.truncate(bundle.golden_path, (64 << 20) + 1)
    with pytest.raises(BundleError, match="larger than 67108864 bytes"):
        decode_golden(bundle.golden_path, bundle.config.golden)


@pytest.mark.parametrize(
    ("found", "deviation"),
    [
        pytest.param([[1.0, 2.0], [3.0]], 0.0, id="the same"),
        pytest.param([[1.0, 2.25], [3.0]], 0.25, id="as far off as it may be"),
        pytest.param([[1.0, 2.0], [2.75]], 0.25, id="to the other side"),
        pytest.param([[0.5, 2.0], [3.0]], 0.5, id="one value"),
        pytest.param([[1.0, 2.0], [3.5]], 0.5, id="one of a further output"),
        pytest.param([[1.0, 2.0], [float("nan")]], float("nan"), id="no number"),
        pytest.param([[1.0, 2.0]], float("inf"), id="an output is missing"),
        pytest.param([[1.0], [3.0]], float("inf"), id="another shape"),
        pytest.param([[1.0, 2.0], [3.0], [4.0]], float("inf"), id="an output too many"),
    ],
)
def test_the_largest_deviation_of_any_output_counts(found: list[list[float]], deviation: float) -> None:
    expected = tuple(golden_output(np.array(values, np.float32)) for values in ([1.0, 2.0], [3.0]))
    vector = GoldenVector(payload=b"", outputs=expected)
    arrays = [np.array(values, np.float32) for values in found]
    if deviation <= 0.25:
        compare(7, vector, arrays, tolerance=0.25)
        return
    with pytest.raises(GoldenMismatchError, match=f"vector 7 deviates by {deviation:.6g}, allowed is 0.25") as caught:
        compare(7, vector, arrays, tolerance=0.25)
    assert str(caught.value.deviation) == str(deviation), "which may be no number"
    assert (caught.value.vector, caught.value.tolerance) == (7, 0.25)


def test_expectations_that_are_not_numbers_never_match(bundle: Bundle, tmp_path: Path) -> None:
    vectors = decode_golden(bundle.golden_path, bundle.config.golden)
    nothing = np.full(3, np.nan, "<f4").tobytes()
    spoilt = [msgspec.structs.replace(v, outputs=(GoldenOutput((1, 3), nothing),)) for v in vectors]
    with pytest.raises(GoldenMismatchError):
        Pipeline.load(_with_golden(bundle, tmp_path / "other", encode_golden(spoilt))).check_golden()


def test_golden_vectors_that_are_no_text_are_named(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="golden vectors cannot be read"):
        Pipeline.load(_with_golden(bundle, tmp_path / "other", b"\x91\x81\xa6inject\x81\xa1\xff\x01")).check_golden()


def test_fewer_golden_vectors_than_promised_prove_nothing(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="holds 0 golden vectors"):
        Pipeline.load(_with_golden(bundle, tmp_path / "other", encode_golden([]))).check_golden()


def test_a_model_that_is_not_the_listed_one_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    model = colour_model(side=5)
    stage = msgspec.structs.replace(bundle.config.stages[0], digest=digest_of(model), size_bytes=len(model))
    config = msgspec.structs.replace(bundle.config, stages=(stage,))
    other = write_bundle(tmp_path / "other", config, [model, bundle.golden_path.read_bytes()])
    with pytest.raises(ModelLoadError, match="not those the bundle lists"):
        Pipeline.load(other)


def test_a_missing_runtime_says_what_to_install(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ai_edge_litert", None)
    with pytest.raises(NoRuntimeError, match=r"pip install 'roost\[edge\]'"):
        Pipeline.load(bundle)


def test_a_healthy_bundle_passes_its_golden_vectors(bundle: Bundle) -> None:
    pipeline = Pipeline.load(open_bundle(bundle.folder))
    pipeline.check_golden()
    scored = pipeline.score(json.dumps(np.full((4, 4, 3), [0, 200, 90]).tolist()).encode())
    assert scored.label == "green"


def _blob(bundle: Bundle, digest: str) -> Path:
    return bundle.folder / "blobs" / "sha256" / digest.removeprefix("sha256:")


def _file(bundle: Bundle, which: str) -> Path:
    blobs = {
        "model": bundle.config.stages[0].digest,
        "golden": bundle.config.golden.digest,
        "manifest": bundle.digest,
    }
    return _blob(bundle, blobs[which]) if which in blobs else bundle.folder / which


def _add_blob(bundle: Bundle, data: bytes) -> str:
    digest = digest_of(data)
    _blob(bundle, digest).write_bytes(data)
    return digest


def _edit_index(bundle: Bundle, edit: Callable[[Any], None]) -> None:
    path = bundle.folder / "index.json"
    index = json.loads(path.read_text())
    edit(index)
    path.write_text(json.dumps(index))


def _edit_document(bundle: Bundle, edit: Callable[[bytes], bytes]) -> None:
    """Change `roost.json` so that all digests hold: whoever made it, made it wrong."""
    manifest = json.loads(_file(bundle, "manifest").read_text())
    document = edit(_blob(bundle, manifest["layers"][0]["digest"]).read_bytes())
    manifest["layers"][0] |= {"digest": _add_blob(bundle, document), "size": len(document)}
    data = json.dumps(manifest).encode()
    entry = {"digest": _add_blob(bundle, data), "size": len(data)}
    _edit_index(bundle, lambda index: index["manifests"][0].update(entry))


def _with_golden(bundle: Bundle, folder: Path, golden: bytes) -> Bundle:
    spec = msgspec.structs.replace(bundle.config.golden, digest=digest_of(golden), size_bytes=len(golden))
    config = msgspec.structs.replace(bundle.config, golden=spec)
    return write_bundle(folder, config, [bundle.stage_path("model").read_bytes(), golden])
