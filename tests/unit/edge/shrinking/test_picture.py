"""A shrunken picture is to the model what the original was, bit for bit."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roost_cloud.scorer.input_size import input_size
from roost_edge.shrinking.picture import NothingGainedError, shrink
from roost_shared.bundle.build import build_bundle
from roost_shared.bundle.manifest import Colour, ImagePayload, Preprocessing, Resample, StageName, TensorSpec
from roost_shared.errors import InputError
from roost_shared.limits import InputLimits
from roost_shared.payload import TooManyPixelsError, UnknownTypeError, open_payload
from roost_shared.pipeline import Pipeline
from roost_shared.preprocess import Preprocessor
from roost_shared.questions import InputSize
from tests.support.shared_data import METER_LABELS, SHARED_DATA, needs_shared_data

LIMITS = InputLimits()
SIZE = InputSize(20, 32)


def encoded(mode: str, kind: str, **options: object) -> bytes:
    """A noisy picture of 320 × 240 pixels."""
    pixels = np.random.default_rng(5).integers(0, 256, (240, 320, 4 if mode == "RGBA" else 3), np.uint8)
    image = Image.fromarray(pixels).convert(mode) if mode != "I;16" else Image.new("I;16", (320, 240), 40_000)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def tensors_of(payload: bytes, spec: ImagePayload, dtype: str = "float32") -> bytes:
    channels = 1 if spec.colour == "L" else 3
    tensor = TensorSpec(name="x", shape=(1, spec.height, spec.width, channels), dtype=dtype)  # type: ignore[arg-type]
    (array,) = Preprocessor(Preprocessing(payload=spec), (tensor,))(open_payload(payload), {})
    return bytes(array.tobytes())


PICTURES = {
    "jpeg": encoded("RGB", "JPEG"),
    "grey jpeg": encoded("L", "JPEG"),
    "cmyk jpeg": encoded("CMYK", "JPEG"),
    "png": encoded("RGB", "PNG"),
    "png with alpha": encoded("RGBA", "PNG"),
    "png with a palette": encoded("P", "PNG"),
    "png of 16 bits": encoded("I;16", "PNG", compress_level=0),
    "bilevel png": encoded("1", "PNG"),
    "bmp": encoded("RGB", "BMP"),
    "webp": encoded("RGB", "WEBP"),
    "turned jpeg": encoded("RGB", "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"),
}


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("colour", ["RGB", "BGR", "L"])
@pytest.mark.parametrize("resample", ["nearest", "bilinear", "lanczos"])
def test_the_tensor_is_the_same_to_the_bit(name: str, colour: Colour, resample: Resample) -> None:
    spec = ImagePayload(
        input="x", width=20, height=32, colour=colour, resample=resample, scale=(1 / 127.5,), offset=(-1.0,)
    )
    size = input_size(Preprocessing(payload=spec))
    assert size is not None
    small = shrink(PICTURES[name], size, LIMITS)
    assert len(small) < len(PICTURES[name])
    assert tensors_of(small, spec) == tensors_of(PICTURES[name], spec)


MODELS = {
    "meter-digits_2000_float.tflite": METER_LABELS,
    "mobilenet_v1_0.25_128_quant.tflite": [str(number) for number in range(1001)],
    "mobilenet_v2_1.0_224_quant.tflite": [str(number) for number in range(1001)],
}


@needs_shared_data
@pytest.mark.parametrize("model", MODELS)
def test_real_models_score_real_photos_the_same(model: str, tmp_path: Path) -> None:
    stage: dict[StageName, bytes] = {"model": (SHARED_DATA / "models" / model).read_bytes()}
    bundle = build_bundle(stage, tmp_path / "bundle", name="photos", version="1", labels=MODELS[model]).bundle
    pipeline, size = Pipeline.load(bundle), input_size(bundle.config.preprocessing)
    assert size is not None
    shrunken = 0
    for path in sorted((SHARED_DATA / "photos").iterdir()):
        photo = path.read_bytes()
        try:
            small = shrink(photo, size, LIMITS)
        except NothingGainedError:
            continue
        shrunken += 1
        (tensor,), (original,) = pipeline.base.prepare(small), pipeline.base.prepare(photo)
        assert tensor.tobytes() == original.tobytes()
        assert pipeline.score(small) == pipeline.score(photo)
    assert shrunken


def test_nothing_of_the_original_but_its_pixels_is_sent() -> None:
    small = shrink(encoded("RGB", "PNG", icc_profile=b"profile" * 100), SIZE, LIMITS)
    assert Image.open(io.BytesIO(small)).info == {}


@pytest.mark.parametrize("size", [InputSize(320, 241), InputSize(320, 240)])
def test_a_picture_that_would_be_no_smaller_is_left_alone(size: InputSize) -> None:
    with pytest.raises(NothingGainedError):
        shrink(PICTURES["jpeg"], size, LIMITS)


def test_bombs_are_refused_before_a_pixel_is_decoded() -> None:
    bomb = bytearray(PICTURES["bmp"])
    bomb[18:26] = (60_000).to_bytes(4, "little") * 2
    with pytest.raises(TooManyPixelsError):
        shrink(bytes(bomb), SIZE, LIMITS)


@pytest.mark.parametrize("payload", [b"[1, 2]", b"\xff\xd8\xff garbage", PICTURES["jpeg"][:2000], b"", b"x"])
def test_what_is_no_picture_is_an_input_s_error(payload: bytes) -> None:
    with pytest.raises(InputError):
        shrink(payload, SIZE, LIMITS)


def test_an_array_is_no_picture() -> None:
    with pytest.raises(UnknownTypeError):
        shrink(b"[1, 2]", SIZE, LIMITS)
