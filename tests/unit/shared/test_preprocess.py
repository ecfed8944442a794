import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from roost_shared.bundle.manifest import ArrayPayload, ImagePayload, Preprocessing, Quantization, TensorSpec
from roost_shared.errors import InputError
from roost_shared.payload import open_payload
from roost_shared.preprocess import Preprocessor

UNIT = Quantization(1 / 128, 128)


def _tensor(dtype: Any, shape: tuple[int, ...] = (1, 2, 4, 3), quantization: Quantization | None = None) -> TensorSpec:
    return TensorSpec(name="x", dtype=dtype, shape=shape, quantization=quantization)


def _run(image: Image.Image | np.ndarray[Any, Any], tensor: TensorSpec, **options: Any) -> np.ndarray[Any, Any]:
    spec = ImagePayload(input="x", width=tensor.shape[2], height=tensor.shape[1], **options)
    [result] = Preprocessor(Preprocessing(payload=spec), (tensor,))(image, {})
    assert result.shape == tensor.shape
    assert result.dtype == tensor.dtype
    return np.asarray(result[0])


def _ramp() -> Image.Image:
    return Image.fromarray(np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10)


def test_identity_passes_pixels_as_they_are() -> None:
    result = _run(_ramp(), _tensor("uint8", quantization=UNIT), scale=(1 / 128,), offset=(-1.0,))
    np.testing.assert_array_equal(result, np.asarray(_ramp()))


def test_signed_identity_shifts_by_128() -> None:
    tensor = _tensor("int8", quantization=Quantization(1 / 255, -128))
    result = _run(_ramp(), tensor, scale=(1 / 255,))
    np.testing.assert_array_equal(result, np.asarray(_ramp()).astype(int) - 128)


def test_floats_are_scaled_by_channel() -> None:
    result = _run(_ramp(), _tensor("float32"), scale=(1.0, 2.0, 0.5), offset=(0.0, -1.0, 10.0))
    expected = np.asarray(_ramp(), np.float32) * [1.0, 2.0, 0.5] + [0.0, -1.0, 10.0]
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_quantised_channels_have_a_table_each() -> None:
    tensor = _tensor("int8", quantization=Quantization(0.02, 3))
    result = _run(_ramp(), tensor, scale=(0.01, 0.02, 0.001), offset=(0.0, -1.0, 0.0))
    real = np.asarray(_ramp(), np.float64) * [0.01, 0.02, 0.001] + [0.0, -1.0, 0.0]
    np.testing.assert_array_equal(result, np.clip(np.rint(real / 0.02 + 3), -128, 127))


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_tensor_with_its_channels_first_gets_them_first(dtype: str) -> None:
    spec = ImagePayload(input="x", width=4, height=2)
    [result] = Preprocessor(Preprocessing(payload=spec), (_tensor(dtype, (1, 3, 2, 4)),))(_ramp(), {})
    assert result.dtype == np.dtype(dtype)
    assert result.flags.c_contiguous
    np.testing.assert_array_equal(result[0], np.moveaxis(np.asarray(_ramp()), 2, 0))


def test_a_grey_tensor_may_have_its_channel_first() -> None:
    spec = ImagePayload(input="x", width=4, height=2, colour="L")
    [result] = Preprocessor(Preprocessing(payload=spec), (_tensor("uint8", (1, 1, 2, 4)),))(_ramp(), {})
    np.testing.assert_array_equal(result[0, 0], np.asarray(_ramp().convert("L")))


def test_bgr_turns_the_channels() -> None:
    result = _run(_ramp(), _tensor("float32"), colour="BGR")
    np.testing.assert_array_equal(result, np.asarray(_ramp())[:, :, ::-1])


def test_grey_takes_the_luminance() -> None:
    image = Image.new("RGB", (4, 2), (255, 0, 0))
    assert (_run(image, _tensor("uint8", (1, 2, 4, 1)), colour="L") == 76).all()


def test_sixteen_bit_greys_are_scaled_not_clipped() -> None:
    image = Image.fromarray(np.full((2, 4), 0x8000, np.uint16))
    assert (_run(image, _tensor("uint8", (1, 2, 4, 1)), colour="L") == 0x80).all()


def test_crop_keeps_the_middle() -> None:
    pixels = np.zeros((2, 12, 3), np.uint8)
    pixels[:, 4:8] = 200
    assert (_run(Image.fromarray(pixels), _tensor("uint8"), fit="crop") == 200).all()


def test_letterbox_pads_what_is_left() -> None:
    result = _run(Image.new("RGB", (2, 2), (200, 200, 200)), _tensor("uint8"), fit="letterbox", pad=7)
    assert (result[:, 1:3] == 200).all()
    assert (result[:, [0, 3]] == 7).all()


@pytest.mark.parametrize(("orient", "left"), [(True, 200), (False, 0)])
def test_exif_orientation_is_obeyed_where_asked(orient: bool, left: int) -> None:  # noqa: FBT001 - a parameter
    pixels = np.zeros((2, 4, 3), np.uint8)
    pixels[:, 2:] = 200
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(pixels).save(file, "PNG", exif=exif)
    opened = open_payload(file.getvalue())
    assert (_run(opened, _tensor("uint8"), orient=orient)[:, :2] == left).all()


def test_an_array_stands_for_the_fitted_pixels() -> None:
    array = np.asarray(_ramp())
    np.testing.assert_array_equal(_run(array, _tensor("uint8")), array)
    np.testing.assert_array_equal(_run(array.astype(np.float64) + 0.4, _tensor("uint8")), array)


@pytest.mark.parametrize("shape", [(4, 2, 3), (2, 4), (24,), (1, 1, 2, 4, 3)])
def test_an_array_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError) as caught:
        _run(np.zeros(shape), _tensor("float32"))
    assert caught.value.code == "input.wrong_shape"


def _with_state(value: Any) -> list[np.ndarray[Any, Any]]:
    inputs = (_tensor("float32", (1, 3)), TensorSpec(name="state", dtype="float32", shape=(1, 2)))
    spec = Preprocessing(payload=ArrayPayload(input="x", scale=2.0), injected={"state": "flow"})
    return Preprocessor(spec, inputs)(np.array([1, 2, 3]), {} if value is None else {"flow": value})


def test_external_state_feeds_its_tensor() -> None:
    payload, state = _with_state([0.5, 4])
    np.testing.assert_array_equal(payload, [[2, 4, 6]])
    np.testing.assert_array_equal(state, [[0.5, 4]])


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "input.missing_state"),
        ([1], "input.wrong_shape"),
        ("on", "input.bad_json"),
        ([[1], 2], "input.bad_json"),
    ],
)
def test_state_that_does_not_fit_is_refused(value: Any, code: str) -> None:
    with pytest.raises(InputError) as caught:
        _with_state(value)
    assert caught.value.code == code


def test_an_image_for_a_model_of_arrays_is_refused() -> None:
    spec = Preprocessing(payload=ArrayPayload(input="x"))
    with pytest.raises(InputError) as caught:
        Preprocessor(spec, (_tensor("float32", (1, 3)),))(_ramp(), {})
    assert caught.value.code == "input.unknown_type"
