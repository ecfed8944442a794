"""A new head's files, to run behind the incumbent's base."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from roost_cloud.training.errors import TrainingError
from roost_cloud.training.head.anatomy import Anatomy
from roost_shared.bundle.stage_files import load_stages
from roost_shared.tflite.dense import DenseLayer, write_dense

__all__ = ["Heads", "write_heads"]

Rows = NDArray[np.floating[Any]]  # (inputs, features)

_CALIBRATED_BY: Final = 500  # inputs at most, spread evenly
_DIGITS: Final = 4  # of a temperature: more than examples can tell


@dataclass(frozen=True)
class Heads:
    """A head's files.

    Attributes:
        real: float32 throughout, as tflite or, if the incumbent has no tflite, ONNX.
        quantized: the same with int8 weights; None: not wanted.
        twin: in ONNX beside tflite; None: not wanted.
    """

    real: bytes
    quantized: bytes | None
    twin: bytes | None


def write_heads(anatomy: Anatomy, layers: Sequence[DenseLayer], rows: Rows, *, quantized: bool, twin: bool) -> Heads:
    """Write a head's files.

    Args:
        anatomy: the incumbent, behind whose base it shall run.
        layers: of the head.
        rows: (inputs, features), what it will meet, in real units: for the ranges of int8.
        quantized: whether int8 is wanted.
        twin: whether ONNX is wanted beside tflite.

    Raises:
        TrainingError: it cannot be quantised.
    """
    shape = anatomy.embedding.shape
    if "tflite" not in anatomy.bases:
        if quantized:
            raise TrainingError("the incumbent has no tflite head, and only such a head can be int8")
        return Heads(_onnx_head(anatomy, layers), None, None)
    plain = write_dense(layers, input_shape=shape, input_name="features")
    integers = None
    if quantized:
        from roost_shared.tflite.quantize import quantize_tflite  # noqa: PLC0415 - takes half a second to load

        chosen = rows[:: -(-len(rows) // _CALIBRATED_BY)]
        try:
            integers = quantize_tflite(plain, ([row.reshape(shape).astype(np.float32)] for row in chosen))
        except (ValueError, RuntimeError) as error:
            raise TrainingError(f"the head cannot be quantised: {error}") from error
    onnx_head = _onnx_head(anatomy, layers) if twin and "onnx" in anatomy.bases else None
    return Heads(
        _behind_base(plain, anatomy), None if integers is None else _behind_base(integers, anatomy), onnx_head
    )


def _behind_base(head: bytes, anatomy: Anatomy) -> bytes:
    if anatomy.embedding.quantization is None:
        return head
    from roost_shared.tflite.fed_quantized import fed_quantized  # noqa: PLC0415 - only where it is needed

    try:
        return fed_quantized(head, anatomy.embedding)
    except ValueError as error:
        raise TrainingError(f"no head fits behind the incumbent's base: {error}") from error


def _onnx_head(anatomy: Anatomy, layers: Sequence[DenseLayer]) -> bytes:
    from roost_shared.onnx.dense import write_dense_onnx  # noqa: PLC0415 - its library takes a while to load

    with tempfile.TemporaryDirectory(prefix="roost-twin-") as folder:
        ((file,), _) = load_stages({"base": anatomy.bases["onnx"]}, Path(folder), "onnx")
    return write_dense_onnx(layers, input_shape=file.outputs[0].shape, input_name="features")
