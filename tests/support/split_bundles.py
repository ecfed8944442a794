"""Bundles of base and head whose labels can be told by hand: the position of the largest of three numbers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from roost_shared.bundle.build import build_bundle
from roost_shared.tflite.dense import DenseLayer, write_dense

__all__ = ["LABELS", "ROTATED", "split_bundle"]

LABELS = ("zero", "one", "two")
ROTATED = ("two", "zero", "one")


def split_bundle(
    folder: Path,
    *,
    version: str = "1",
    labels: Sequence[str] = LABELS,
    base_gain: float = 1.0,
    head_gain: float = 1.0,
    width: int = 0,
) -> Path:
    """Build one; those of the same `base_gain` share their base.

    Args:
        folder: where.
        version: of the bundle.
        labels: other ones make a head that says something else.
        base_gain: what the base multiplies with.
        head_gain: what the head multiplies with; a large one overflows on large inputs, to values not finite.
        width: of a hidden layer that makes the head slow; 0: none.
    """
    base = write_dense([DenseLayer(base_gain * np.eye(3), np.zeros(3))], input_shape=(1, 3), output_name="features")
    last = DenseLayer(head_gain * np.eye(3), np.zeros(3), "none" if head_gain > 1 else "softmax")
    slow = [DenseLayer(np.eye(3, width), np.zeros(width)), DenseLayer(np.eye(width), np.zeros(width))]
    slow.append(DenseLayer(np.eye(width, 3), np.zeros(3)))
    head = write_dense([*(slow if width else []), last], input_shape=(1, 3), input_name="features")
    build_bundle({"base": base, "head": head}, folder, name="argmax", version=version, labels=labels)
    return folder
