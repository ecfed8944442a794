"""Which pictures may be shrunk before they are sent."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from roost_cloud.scorer.input_size import input_size
from roost_shared.bundle.manifest import ArrayPayload, ImagePayload, Preprocessing, TensorSpec
from roost_shared.payload import open_payload
from roost_shared.preprocess import Preprocessor
from roost_shared.questions import InputSize


def preprocessing(**fields: Any) -> Preprocessing:
    return Preprocessing(payload=ImagePayload(**{"input": "input", "width": 12, "height": 8, **fields}))


@pytest.mark.parametrize("colour", ["RGB", "BGR", "L"])
@pytest.mark.parametrize("resample", ["nearest", "bilinear", "lanczos"])
def test_sent_in_that_size_a_picture_gives_the_very_same_tensor(colour: Any, resample: Any) -> None:
    spec = preprocessing(colour=colour, resample=resample, scale=(1 / 255,))
    size = input_size(spec)
    assert size == InputSize(12, 8, "L" if colour == "L" else "RGB", resample)
    preprocess = Preprocessor(
        spec, (TensorSpec(name="input", dtype="float32", shape=(1, 8, 12, 1 if colour == "L" else 3)),)
    )
    pixels = np.random.default_rng(1).integers(0, 256, (97, 131, 3), np.uint8)
    photo = Image.fromarray(pixels)
    shrunk = photo.convert(size.colour).resize(
        (size.width, size.height), getattr(Image.Resampling, size.resample.upper())
    )
    whole, sent = (preprocess(open_payload(png(picture)), {})[0] for picture in (photo, shrunk))
    assert np.array_equal(whole, sent)


@pytest.mark.parametrize("fields", [{"fit": "crop"}, {"fit": "letterbox"}, {"orient": True}, {"draft": True}])
def test_what_looks_at_more_than_the_small_picture_wants_it_whole(fields: dict[str, Any]) -> None:
    assert input_size(preprocessing(**fields)) is None


def test_an_array_has_no_picture() -> None:
    assert input_size(Preprocessing(payload=ArrayPayload(input="input"))) is None


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
