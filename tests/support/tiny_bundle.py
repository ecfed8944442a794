"""A bundle whose answers can be computed by hand: it tells which of three colours is the strongest."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from roost_shared.bundle import Bundle
from roost_shared.bundle.build import build_bundle
from roost_shared.tflite.dense import Activation, DenseLayer, write_dense

__all__ = ["COLOURS", "colour_model", "tiny_bundle"]

COLOURS = ["red", "green", "blue"]


def colour_model(
    side: int = 4,
    *,
    activation: Activation = "softmax",
    state: dict[str, int] | None = None,
    write: Callable[..., bytes] = write_dense,
) -> bytes:
    """Mean of each channel in units of 32, then `activation`; a state is added to the first colour."""
    pixels = side * side
    weights = np.tile(np.eye(3), (pixels, 1)) / (32 * pixels)
    if state:
        weights = np.vstack([weights, np.tile([1.0, 0.0, 0.0], (sum(state.values()), 1))])
    return write([DenseLayer(weights, np.zeros(3), activation)], input_shape=(1, side, side, 3), state=state)


def tiny_bundle(folder: Path, **options: Any) -> Bundle:
    """Build it in `folder`; `options` are those of `build_bundle`, which win."""
    arguments: dict[str, Any] = {"name": "colours", "version": "1", "labels": COLOURS, **options}
    model = arguments.pop("model", None) or colour_model()
    return build_bundle({"model": model}, folder, **arguments).bundle
