"""Whatever bytes a sensor sends, the outcome is an image, an array, or an `InputError`."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from roost_shared.bundle.manifest import ArrayPayload, ImagePayload, Preprocessing, Quantization, TensorSpec
from roost_shared.errors import InputError
from roost_shared.limits import InputLimits
from roost_shared.payload import open_payload
from roost_shared.preprocess import Preprocessor, quantize

LIMITS = InputLimits(payload_bytes=1 << 16, image_pixels=1 << 16)
IMAGE = TensorSpec(name="x", dtype="uint8", shape=(1, 4, 5, 3), quantization=Quantization(1 / 255, 0))
VECTOR = TensorSpec(name="x", dtype="float32", shape=(1, 6))
PREPROCESSORS = [
    Preprocessor(Preprocessing(payload=ImagePayload(input="x", width=5, height=4, orient=True)), (IMAGE,)),
    Preprocessor(Preprocessing(payload=ArrayPayload(input="x")), (VECTOR,)),
]


def _samples() -> list[bytes]:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 11, 3), np.uint8)
    samples = []
    for kind, mode in [("JPEG", "RGB"), ("JPEG", "CMYK"), ("PNG", "RGB"), ("PNG", "P"), ("BMP", "L"), ("WEBP", "RGB")]:
        file = io.BytesIO()
        Image.fromarray(pixels).convert(mode).save(file, kind)
        samples.append(file.getvalue())
    file = io.BytesIO()
    np.save(file, pixels)
    return [*samples, file.getvalue(), b"[[1, 2], [3, 4]]", b"[1, 2, 3, 4, 5, 6]"]


SAMPLES = _samples()


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    """A good payload with some bytes changed and its end perhaps cut off."""
    data = bytearray(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(0, 6))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))])


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow warns of the damage it repairs
@settings(max_examples=400, deadline=None)
@given(st.one_of(st.binary(max_size=300), _damaged(), st.sampled_from(SAMPLES)), st.sampled_from(["", "image/png"]))
@example(b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }", "")
@example(b"\x93NUMPY\x01\x00\x40\x00{'descr': '<f8', 'fortran_order': False, 'shape': ((((3, }" + b" " * 30, "")
@example(b"\x93NUMPY\x01\x00\x40\x00{'descr': '<f3', 'fortran_order': False, 'shape': (3), }" + b" " * 30, "")
@example(b"[1e999]", "")
@example(b"[99999999999999999999999]", "")
def test_any_bytes_are_tensors_or_an_input_error(payload: bytes, content_type: str) -> None:
    for preprocess in PREPROCESSORS:
        try:
            opened = open_payload(payload, content_type=content_type or None, limits=LIMITS)
            [tensor] = preprocess(opened, {})
        except InputError as error:
            assert error.code.startswith("input.")  # noqa: PT017 - which code depends on the bytes
        else:
            assert tensor.shape in (IMAGE.shape, VECTOR.shape)
            assert np.isfinite(tensor).all()


_FINITE = st.floats(-1e6, 1e6, width=32)


@given(
    st.lists(_FINITE, min_size=1, max_size=20),
    st.sampled_from(["uint8", "int8", "int16"]),
    st.floats(1e-4, 1e3),
    st.integers(-128, 255),
)
def test_quantising_stays_in_bounds_and_within_half_a_step(
    values: list[float], dtype: Any, scale: float, zero_point: int
) -> None:
    tensor = TensorSpec(name="x", dtype=dtype, shape=(1, len(values)), quantization=Quantization(scale, zero_point))
    real = np.array(values)
    stored = quantize(real, tensor)
    limits = np.iinfo(stored.dtype)
    back = (stored.astype(np.float64) - zero_point) * scale
    inside = (stored > limits.min) & (stored < limits.max)
    assert (np.abs(back - real)[inside] <= scale / 2 * (1 + 1e-9)).all()
    assert (stored[real / scale + zero_point > limits.max] == limits.max).all()
    assert (stored[real / scale + zero_point < limits.min] == limits.min).all()


@given(
    scale=st.floats(-4, 4).filter(lambda value: abs(value) > 1e-3),
    offset=st.floats(-300, 300),
    dtype=st.sampled_from(["uint8", "int8", "int16"]),
    step=st.floats(1e-3, 4),
    zero_point=st.integers(-128, 128),
)
def test_the_fast_ways_give_what_exact_arithmetic_gives(
    scale: float, offset: float, dtype: Any, step: float, zero_point: int
) -> None:
    tensor = TensorSpec(name="x", dtype=dtype, shape=(1, 16, 16, 1), quantization=Quantization(step, zero_point))
    spec = ImagePayload(input="x", width=16, height=16, colour="L", scale=(scale,), offset=(offset,))
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    [found] = Preprocessor(Preprocessing(payload=spec), (tensor,))(pixels, {})
    expected = quantize(pixels.astype(np.float64) * scale + offset, tensor)
    np.testing.assert_array_equal(found[0], expected)
