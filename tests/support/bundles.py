"""Tiny real bundles, quick to build and to run: what they say of an image is plain from its brightness."""

import io
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roost_shared.bundle import Bundle, open_bundle
from roost_shared.bundle.build import build_bundle
from roost_shared.bundle.spec import BuildSpec
from roost_shared.bundle.writer import write_bundle
from roost_shared.digest import digest_of
from roost_shared.tflite.dense import DenseLayer, write_dense

__all__ = ["SIDE", "Bundles", "build_bundles", "npy", "picture", "with_another_head", "with_another_model"]

SIDE = 8  # pixels
LABELS = ("dark", "bright")


class Bundles(NamedTuple):
    """Folders of bundles, all of task `light`; those not said to take numbers take an 8×8 grey image."""

    sure: Path  # dark or bright, ever surer the further from the middle
    contrary: Path  # says the opposite, as surely
    unrated: Path  # as `sure`, but gives no confidence
    mean: Path  # a regression: the mean pixel, 0…255
    higher: Path  # the same and 0.5 more, which agrees within their tolerance of 1
    turn: Path  # takes four numbers; an embedding: the first three, the sign of the second turned
    tilt: Path  # the same but for the third component, which is 0.5 more
    seasonal: Path  # dark or bright, by the external state `season` alone: below or above 0


def build_bundles(folder: Path) -> Bundles:
    """Build them all; takes some tenths of a second."""
    falling, rising = np.full(SIDE**2, -1 / 640), np.full(SIDE**2, 1 / 640)  # softmax of ±(mean − 127.5) / 10
    classify = _classifier(np.stack([falling, rising], axis=1), np.array([12.75, -12.75]))
    contradict = _classifier(np.stack([rising, falling], axis=1), np.array([-12.75, 12.75]))
    average, turned = np.full((SIDE**2, 1), 1 / SIDE**2), np.diag([1.0, -1.0, 1.0, 0.0])[:, :3]
    close = BuildSpec(document={"agreement": {"kind": "tolerance", "tolerance": 1.0}})
    seasonal = np.zeros((SIDE**2 + 1, 2))
    seasonal[-1] = -5, 5
    return Bundles(
        sure=_build(folder, "sure", classify, LABELS),
        contrary=_build(folder, "contrary", contradict, LABELS),
        unrated=_build(folder, "unrated", classify, LABELS, BuildSpec(document={"confidence": {"kind": "none"}})),
        mean=_build(folder, "mean", _linear(average, np.zeros(1), (1, SIDE, SIDE, 1)), spec=close),
        higher=_build(folder, "higher", _linear(average, np.full(1, 0.5), (1, SIDE, SIDE, 1)), spec=close),
        turn=_build(folder, "turn", _linear(turned, np.zeros(3), (1, 4))),
        tilt=_build(folder, "tilt", _linear(turned, np.array([0, 0, 0.5]), (1, 4))),
        seasonal=_build(folder, "seasonal", _classifier(seasonal, np.zeros(2), {"season": 1}), LABELS),
    )


def with_another_model(bundle: Bundle, model: bytes, folder: Path) -> Bundle:
    """A bundle whose digests are all right and whose model is not the one it was built with."""
    stage = msgspec.structs.replace(bundle.config.stages[0], digest=digest_of(model), size_bytes=len(model))
    config = msgspec.structs.replace(bundle.config, stages=(stage,))
    return write_bundle(folder, config, [model, bundle.golden_path.read_bytes()])


def with_another_head(bundle: Bundle, head: bytes, folder: Path) -> Bundle:
    """A bundle of the same base whose digests are all right and whose head is not the one it was built with."""
    base, old = bundle.config.stages
    stage = msgspec.structs.replace(old, digest=digest_of(head), size_bytes=len(head))
    config = msgspec.structs.replace(bundle.config, stages=(base, stage))
    return write_bundle(
        folder, config, [bundle.stage_path("base").read_bytes(), head, bundle.golden_path.read_bytes()]
    )


def picture(grey: int = 255, size: tuple[int, int] = (SIDE, SIDE), kind: str = "PNG") -> bytes:
    """An evenly grey image."""
    file = io.BytesIO()
    Image.new("L", size, grey).save(file, kind)
    return file.getvalue()


def npy(array: NDArray[Any]) -> bytes:
    """An array as `.npy`, by pickle if it must be."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def _classifier(weights: NDArray[Any], bias: NDArray[Any], state: dict[str, int] | None = None) -> bytes:
    return write_dense([DenseLayer(weights, bias, "softmax")], input_shape=(1, SIDE, SIDE, 1), state=state)


def _linear(weights: NDArray[Any], bias: NDArray[Any], input_shape: tuple[int, ...]) -> bytes:
    return write_dense([DenseLayer(weights, bias)], input_shape=input_shape)


def _build(folder: Path, name: str, model: bytes, labels: tuple[str, ...] = (), spec: BuildSpec | None = None) -> Path:
    path = folder / name
    build_bundle({"model": model}, path, name=name, version="1", labels=labels, task="light", spec=spec)
    assert open_bundle(path).config.name == name
    return path
