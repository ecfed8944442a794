import tempfile
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from roost_shared.bundle import BundleError, TensorSpec, open_bundle
from roost_shared.bundle.manifest import Quantization, Stage
from roost_shared.bundle.oci import Descriptor

_QUANTIZATIONS = st.builds(
    Quantization, st.floats(1e-9, 1e9), st.integers(-(1 << 31), 1 << 31)
)  # fmt: skip
_TENSORS = st.builds(
    TensorSpec,
    name=st.text(max_size=20),
    dtype=st.sampled_from(["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32"]),
    shape=st.lists(st.integers(1, 1 << 24), max_size=8).map(tuple),
    quantization=st.none() | _QUANTIZATIONS,
)
_DIGESTS = st.binary(min_size=32, max_size=32).map(lambda data: f"sha256:{data.hex()}")
_STAGES = st.builds(
    Stage,
    name=st.sampled_from(["model", "base", "head"]),
    format=st.sampled_from(["tflite", "onnx"]),
    digest=_DIGESTS,
    size_bytes=st.integers(0, 1 << 40),
    inputs=st.lists(_TENSORS, min_size=1, max_size=3).map(tuple),
    outputs=st.lists(_TENSORS, min_size=1, max_size=3).map(tuple),
)


@given(_STAGES)
def test_a_stage_survives_json(stage: Stage) -> None:
    assert msgspec.json.decode(msgspec.json.encode(stage), type=Stage) == stage


@given(st.builds(Descriptor, media_type=st.text(), digest=_DIGESTS, size=st.integers(0, 1 << 40)))
def test_a_descriptor_survives_json(descriptor: Descriptor) -> None:
    assert msgspec.json.decode(msgspec.json.encode(descriptor), type=Descriptor) == descriptor


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(msgspec.json.encode)
)
def test_any_index_is_a_bundle_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "oci-layout").write_bytes(b'{"imageLayoutVersion":"1.0.0"}')
        (folder / "index.json").write_bytes(data)
        try:
            open_bundle(folder)
        except BundleError as error:
            assert error.code.startswith("bundle.")  # noqa: PT017 - which code depends on the bytes
        else:
            raise AssertionError("a bundle was opened from noise")
