from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from roost_shared.bundle.manifest import ImagePayload, Preprocessing, Quantization, TensorSpec
from roost_shared.phi import EMBEDDING, IMAGE, KINDS, TENSOR
from roost_shared.phi.embedding import EmbeddingPhi
from roost_shared.phi.image import ImagePhi
from roost_shared.phi.tensor import TensorPhi
from roost_shared.preprocess import Preprocessor

SIDE: Final = 64


def scene(seed: int = 0, side: int = SIDE) -> Image.Image:
    """Blocks of colours with fine grain, seeded."""
    random = np.random.default_rng(seed)
    blocks = random.integers(40, 200, (side // 8, side // 8, 3)).repeat(8, 0).repeat(8, 1)
    return Image.fromarray((blocks + random.integers(-20, 20, blocks.shape)).astype(np.uint8))


def phi_of(image: Image.Image, dtype: Any = "uint8", **payload: Any) -> dict[str, float]:
    """The statistics of a picture, by name, as a model with this tensor would see it."""
    side = payload.pop("side", SIDE)
    first = payload.pop("channels_first", False)
    quantization = payload.pop("quantization", None)
    channels = 1 if payload.get("colour") == "L" else 3
    shape = (1, channels, side, side) if first else (1, side, side, channels)
    tensor = TensorSpec(name="x", dtype=dtype, shape=shape, quantization=quantization)
    spec = ImagePayload(input="x", width=side, height=side, **payload)
    stored = Preprocessor(Preprocessing(payload=spec), (tensor,))(image, {})[0]
    return dict(zip(IMAGE.statistics, ImagePhi(spec, tensor).measure(stored), strict=True))


def test_a_plain_grey_picture_has_its_brightness_and_nothing_else() -> None:
    found = phi_of(Image.new("RGB", (SIDE, SIDE), (102, 102, 102)))
    assert found == {
        "mean": pytest.approx(0.4),
        "deviation": 0.0,
        "median": 0.4,
        "percentile_90": 0.4,
        "centroid_x": pytest.approx(0.5),
        "centroid_y": pytest.approx(0.5),
        "gradient": 0.0,
        "laplacian": 0.0,
    }


def test_all_black_is_a_measurement_like_any_other() -> None:
    found = phi_of(Image.new("RGB", (SIDE, SIDE)))
    assert found["mean"] == 0.0
    assert (found["centroid_x"], found["centroid_y"]) == (0.5, 0.5)


@pytest.mark.parametrize(
    "seen",
    [
        {"dtype": "float32"},
        {"dtype": "float32", "scale": (1 / 127.5,), "offset": (-1.0,)},
        {"dtype": "float32", "scale": (0.017, 0.0175, 0.0174), "offset": (-2.1, -2.0, -1.8)},
        {"dtype": "float16", "scale": (1 / 255,)},
        {"dtype": "int8", "quantization": Quantization(1.0, -128)},
        {"dtype": "int8", "scale": (1 / 255,), "quantization": Quantization(1 / 255, -128)},
        {"channels_first": True},
        {"colour": "BGR"},
    ],
    ids=str,
)
@pytest.mark.parametrize("side", [SIDE, 96])
def test_how_a_model_wants_its_pixels_does_not_matter(seen: dict[str, Any], side: int) -> None:
    assert phi_of(scene(side=side), side=side, **seen) == phi_of(scene(side=side), side=side)


@pytest.mark.parametrize("side", [SIDE, 224])
@pytest.mark.parametrize(
    ("change", "falls"),
    [
        (lambda image: image.point(lambda value: value * 0.7), {"mean", "deviation", "median", "percentile_90"}),
        (lambda image: image.filter(ImageFilter.GaussianBlur(1)), {"gradient", "laplacian"}),
        (lambda image: image.point(lambda value: 64 + value // 2), {"deviation", "gradient"}),
    ],
    ids=["dimmed", "blurred", "milky"],
)
def test_what_happens_to_a_lens_shows_in_the_statistics_that_are_named_for_it(
    change: Any, falls: set[str], side: int
) -> None:
    before, after = phi_of(scene(side=side), side=side), phi_of(change(scene(side=side)), side=side)
    assert all(after[name] < 0.95 * before[name] for name in falls)


def test_the_centroid_is_where_the_light_is() -> None:
    half = np.zeros((SIDE, SIDE, 3), np.uint8)
    half[: SIDE // 2] = 200
    found = phi_of(Image.fromarray(half))
    assert [found["centroid_x"], found["centroid_y"]] == pytest.approx([0.5, 0.25])


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 5000), (5000, 1), (2, 3000), (70, 9), (300, 200)])
def test_a_picture_of_any_shape_can_be_measured(width: int, height: int) -> None:
    tensor = TensorSpec(name="x", dtype="uint8", shape=(1, height, width, 3))
    phi = ImagePhi(ImagePayload(input="x", width=width, height=height), tensor)
    found = phi.measure(np.full(tensor.shape, 51, np.uint8))
    assert found == pytest.approx([0.2, 0, 0.2, 0.2, 0.5, 0.5, 0, 0], abs=0.02)


def test_the_same_picture_gives_these_numbers_on_every_machine() -> None:
    assert phi_of(scene(3, 224), side=224) == pytest.approx(PINNED, rel=1e-12)


def tensor_phi(values: NDArray[Any], **spec: Any) -> dict[str, float]:
    tensor = TensorSpec(name="x", dtype=str(values.dtype), shape=(1, *values.shape), **spec)  # type: ignore[arg-type]
    return dict(zip(TENSOR.statistics, TensorPhi(tensor).measure(values.reshape(tensor.shape)), strict=True))


def test_a_tensor_s_statistics_are_in_real_units() -> None:
    found = tensor_phi(np.array([10, 20, 30, 40], np.uint8), quantization=Quantization(0.5, 10))
    assert found["mean"] == pytest.approx(7.5)
    assert found["roughness"] == pytest.approx(5.0)
    assert found["zeros"] == pytest.approx(0.25)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_values_that_are_no_numbers_are_counted_and_leave_the_rest_alone(value: float) -> None:
    found = tensor_phi(np.array([1.0, 2.0, value, 3.0], np.float32))
    assert all(np.isfinite(list(found.values())))
    assert max(map(abs, found.values())) <= 1e15
    assert found["not_finite"] == (0.0 if value == 3e38 else 0.25)


def test_a_tensor_of_nothing_but_nan_is_measured_too() -> None:
    found = tensor_phi(np.full(9, np.nan, np.float32))
    assert found.pop("not_finite") == 1.0
    assert set(found.values()) == {0.0}


def test_of_a_long_tensor_a_share_is_looked_at_that_tells_of_all() -> None:
    values = np.random.default_rng(5).normal(3, 2, 100_000).astype(np.float32)
    found = tensor_phi(values)
    assert found["mean"] == pytest.approx(3, abs=0.15)
    assert found["deviation"] == pytest.approx(2, abs=0.1)


def test_an_embedding_that_moves_along_none_of_its_own_axes_is_seen() -> None:
    """The same values in another order: only directions tell."""
    tensor = TensorSpec(name="x", dtype="float32", shape=(1, 1280))
    values = np.random.default_rng(5).exponential(1, 1280).astype(np.float32)
    phi = EmbeddingPhi(tensor)
    here, there = phi.measure(values), phi.measure(values[::-1])
    assert here[:4] == pytest.approx(there[:4])
    assert here[4:] != pytest.approx(there[4:], abs=0.05)


def test_an_embedding_is_measured_whatever_is_in_it() -> None:
    tensor = TensorSpec(name="x", dtype="float32", shape=(1, 1, 1, 10_000))
    values = np.full(tensor.shape, 3e38, np.float32)
    values[..., ::3], values[..., 1::3] = np.nan, -np.inf
    assert all(abs(value) <= 1e15 for value in EmbeddingPhi(tensor).measure(values))


def test_every_kind_has_a_number_of_its_own_and_at_most_sixteen_statistics() -> None:
    assert list(KINDS) == [1, 2, 3]
    assert all(len(set(kind.statistics)) == len(kind.statistics) <= 16 for kind in (IMAGE, TENSOR, EMBEDDING))
    assert all(set(kind.words) <= set(kind.statistics) for kind in KINDS.values())


PINNED: Final = {
    "mean": 0.4812847062653186,
    "deviation": 0.11210871761361649,
    "median": 0.48137254901960785,
    "percentile_90": 0.6333333333333333,
    "centroid_x": 0.5038353674372484,
    "centroid_y": 0.5019944916863008,
    "gradient": 0.08905429359243698,
    "laplacian": 0.16004614736519607,
}
