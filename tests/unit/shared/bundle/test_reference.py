"""The reference set: travels whole or is told to be missing, is the same for the same inputs, believes no tar."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost_shared.bundle import Bundle, BundleError, MissingBlobError, open_bundle
from roost_shared.bundle.derive import derive_bundle, derived_config
from roost_shared.bundle.documents import blobs_to_run, parse_config, reference_layer
from roost_shared.bundle.manifest import ReferenceSpec
from roost_shared.bundle.reference import (
    MAX_INPUT_BYTES,
    ReferenceSample,
    ReferenceSetError,
    encode_reference,
    read_reference_stream,
)
from roost_shared.digest import digest_of
from tests.support.reference_sets import read_reference, reference_of, reference_sample
from tests.support.tiny_bundle import COLOURS, tiny_bundle

SAMPLES = [
    reference_sample(b"[1, 2]", "red", device="cam-1", weight=4.0),
    reference_sample(b"[2, 1]", "blue", part="train"),
    reference_sample(b"\xff\xd8\xff-no-picture", "green", suffix="jpg"),
]


def read(tmp_path: Path, data: bytes, samples: int = 1) -> list[ReferenceSample]:
    path = tmp_path / "reference.tar"
    path.write_bytes(data)
    return list(read_reference(path, ReferenceSpec(digest=digest_of(data), size_bytes=len(data), samples=samples)))


def test_what_was_written_is_read_whatever_its_order(tmp_path: Path) -> None:
    spec, data = encode_reference(SAMPLES)
    assert encode_reference(reversed(SAMPLES)) == (spec, data)
    assert read(tmp_path, data, spec.samples) == sorted(SAMPLES, key=lambda sample: sample.sha256)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert [name.partition(".")[2] for name in tar.getnames()].count("json") == len(SAMPLES)


@pytest.mark.parametrize(
    "samples",
    [
        [],
        [SAMPLES[0], SAMPLES[0]],
        [SAMPLES[0]._replace(label="")],
        [SAMPLES[0]._replace(weight=-1.0)],
        [SAMPLES[0]._replace(weight=float("nan"))],
        [SAMPLES[0]._replace(payload=bytes(MAX_INPUT_BYTES + 1))],
    ],
    ids=["none", "twice", "no label", "negative", "no number", "too large"],
)
def test_what_could_not_be_read_is_not_written(samples: list[ReferenceSample]) -> None:
    with pytest.raises(ReferenceSetError):
        encode_reference(samples)


def tar_of(*members: tuple[str, bytes], change: Callable[[tarfile.TarInfo], None] = lambda _: None) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            change(member)
            tar.addfile(member, io.BytesIO(data))
    return file.getvalue()


def pair(payload: bytes = b"[1]", **said: Any) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
    sha256 = hashlib.sha256(payload).hexdigest()
    beside = json.dumps({"label": "red", "part": "test", **said}).encode()
    return (f"{sha256}.input.json", payload), (f"{sha256}.json", beside)


def link(member: tarfile.TarInfo) -> None:
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"


def sparse(member: tarfile.TarInfo) -> None:
    member.type = tarfile.GNUTYPE_SPARSE


def test_a_tar_made_by_hand_is_read_too(tmp_path: Path) -> None:
    (sample,) = read(tmp_path, tar_of(*pair()))
    assert (sample.label, sample.payload, sample.weight, sample.part) == ("red", b"[1]", 1.0, "test")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"no tar at all" * 100, "no tar's header"),
        (tar_of(pair()[0]), "is not its JSON"),
        (tar_of(pair()[1], pair()[0]), "not called by its digest"),
        (tar_of(("x.input.json", b"[1]"), pair()[1]), "not called by its digest"),
        (tar_of(("../../x.png", b"[1]"), pair()[1]), "not called by its digest"),
        (tar_of((pair()[0][0], b"[2]"), pair()[1]), "not called by its digest"),
        (tar_of(*pair(), *pair()), "order of digests"),
        (tar_of(*pair(part="both")), "part"),
        (tar_of(*pair(weight=0)), "weight"),
        (tar_of(*pair(weight=1e300)), "weight"),
        (tar_of(pair()[0], (pair()[1][0], b"\xff{}")), "utf-8"),
        (tar_of(pair()[0], (pair()[1][0], b"[" * 65000)), "json"),
        (tar_of(pair()[0], (pair()[1][0], b" " * 70000)), "no plain file"),
        (tar_of(*pair(), change=link), "no plain file"),
        (tar_of(*pair(), change=sparse), "no plain file"),
        (tar_of(*pair())[:513], "ends within"),
        (tar_of(*sorted([*pair(), *pair(b"[2]")])), "the bundle promises 1"),
    ],
)
def test_a_tar_that_is_no_reference_set_is_refused(tmp_path: Path, data: bytes, problem: str) -> None:
    with pytest.raises(ReferenceSetError, match=problem):
        read(tmp_path, data)


@given(st.binary(max_size=2000) | st.tuples(st.integers(0, 3000), st.binary(max_size=600)))
def test_whatever_lies_there_is_a_reference_set_or_refused(noise: bytes | tuple[int, bytes]) -> None:
    data = tar_of(*sorted([*pair(), *pair(b"[2]")]))
    data = noise if isinstance(noise, bytes) else data[: noise[0]] + noise[1] + data[noise[0] + len(noise[1]) :]
    spec = ReferenceSpec(digest=digest_of(data), size_bytes=len(data), samples=2)
    try:
        samples = list(read_reference_stream("noise", io.BytesIO(data), spec))
    except ReferenceSetError:
        return
    assert [hashlib.sha256(sample.payload).hexdigest() for sample in samples] == [one.sha256 for one in samples]


def test_a_header_that_promises_much_costs_nothing(tmp_path: Path) -> None:
    member = tarfile.TarInfo(pair()[0][0])
    member.size = (8 << 30) - 1
    with pytest.raises(ReferenceSetError, match="no plain file"):
        read(tmp_path, member.tobuf(tarfile.USTAR_FORMAT) + bytes(1024))


@pytest.mark.parametrize(
    "changed",
    [
        {"size_bytes": 1},
        {"size_bytes": len(encode_reference(SAMPLES)[1]) - 512},
        {"size_bytes": len(encode_reference(SAMPLES)[1]) + 512},
        {"size_bytes": 1 << 40},
        {"samples": 2},
        {"samples": 1 << 20},
        {"digest": digest_of(b"")},
    ],
)
def test_a_set_that_is_not_what_the_bundle_says_is_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    spec, data = encode_reference(SAMPLES)
    path = tmp_path / "reference.tar"
    path.write_bytes(data)
    with pytest.raises(ReferenceSetError):
        list(read_reference(path, msgspec.structs.replace(spec, **changed)))


@pytest.fixture
def known(tmp_path: Path) -> Bundle:
    return tiny_bundle(tmp_path / "known", reference=reference_of(*COLOURS))


def test_a_bundle_is_run_without_its_reference_set_and_says_so(known: Bundle) -> None:
    path = known.reference_set_path
    assert path is not None
    assert known.config.reference is not None
    assert len(list(read_reference(path, known.config.reference))) == len(COLOURS)
    assert open_bundle(known.folder, whole=True).reference_set_path == path
    path.unlink()
    opened = open_bundle(known.folder)
    assert (opened.reference, opened.reference_set_path) == (known.reference, None)
    with pytest.raises(MissingBlobError):
        open_bundle(known.folder, whole=True)


def test_a_reference_set_that_is_there_is_checked(known: Bundle) -> None:
    path = known.reference_set_path
    assert path is not None
    path.chmod(0o644)
    path.write_bytes(b"another")
    with pytest.raises(BundleError):
        open_bundle(known.folder)


def test_nothing_else_may_be_missing(known: Bundle) -> None:
    layer = reference_layer(known.manifest)
    assert [blob for blob in known.manifest.layers if blob not in blobs_to_run(known.manifest)] == [layer]
    known.golden_path.unlink()
    with pytest.raises(MissingBlobError):
        open_bundle(known.folder)


def test_a_derived_bundle_carries_the_reference_set(known: Bundle, tmp_path: Path) -> None:
    config = derived_config(known, version="2", suffix="", changes={})
    derived = derive_bundle(known, tmp_path / "derived", config)
    assert derived.config.reference == known.config.reference
    assert derived.reference_set_path is not None
    assert known.reference_set_path is not None
    known.reference_set_path.unlink()
    without = derive_bundle(known, tmp_path / "again", config)
    assert without.digest == derived.digest
    assert without.reference_set_path is None
    with pytest.raises(MissingBlobError):
        open_bundle(without.folder, whole=True)


def test_without_one_the_document_says_nothing_of_it(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "b")
    assert bundle.config.reference is None
    assert reference_layer(bundle.manifest) is None
    assert blobs_to_run(bundle.manifest) == [bundle.manifest.config, *bundle.manifest.layers]


@pytest.mark.parametrize("what", ["unnamed", "weights", "twice"])
def test_what_a_device_may_lack_is_the_reference_set_alone(known: Bundle, what: str) -> None:
    """A manifest that calls something else so would be run without it."""
    layer = reference_layer(known.manifest)
    assert layer is not None
    config = known.config
    layers = known.manifest.layers
    if what == "unnamed":
        config = msgspec.structs.replace(config, reference=None)
    elif what == "weights":
        stage = config.stages[0]
        spec = msgspec.structs.replace(config.reference, digest=stage.digest, size_bytes=stage.size_bytes)  # type: ignore[type-var]
        config = msgspec.structs.replace(config, reference=spec)
        changed = msgspec.structs.replace(layer, digest=stage.digest, size=stage.size_bytes)
        layers = [*(one for one in layers if one is not layer), changed]
    else:
        layers = [*layers, msgspec.structs.replace(layer, digest=known.digest)]
    manifest = msgspec.structs.replace(known.manifest, layers=layers)
    with pytest.raises(BundleError, match=r"\$\.reference"):
        parse_config(Path("roost.json"), msgspec.json.encode(config), manifest)
