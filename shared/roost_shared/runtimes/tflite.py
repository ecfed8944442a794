"""LiteRT (`ai-edge-litert`): runs `.tflite` files on the CPU."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from roost_shared.bundle.manifest import TensorSpec
from roost_shared.runtimes.base import ModelLoadError, ModelRunError

__all__ = ["LiteRtModel", "LiteRtRuntime"]


class LiteRtModel:
    """A loaded `.tflite` file."""

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        self._input_indices = [detail["index"] for detail in inputs]
        self._output_indices = [detail["index"] for detail in outputs]
        self.inputs = tuple(_spec(detail) for detail in inputs)
        self.outputs = tuple(_spec(detail) for detail in outputs)

    def run(self, inputs: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Infer once; see `Model.run`."""
        interpreter = self._interpreter
        try:
            for index, value in zip(self._input_indices, inputs, strict=True):
                interpreter.set_tensor(index, value)
            interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise ModelRunError(f"LiteRT: {_one_line(error)}") from error
        return [interpreter.get_tensor(index) for index in self._output_indices]


class LiteRtRuntime:
    """Loads `.tflite` files by path, so that their weights stay mapped from the file."""

    def load(self, path: Path, *, threads: int) -> LiteRtModel:
        """Load a `.tflite` file; see `Runtime.load`."""
        try:
            interpreter = Interpreter(model_path=str(path), num_threads=threads)
            interpreter.allocate_tensors()
            return LiteRtModel(interpreter)
        except (RuntimeError, ValueError) as error:  # msgspec's ValidationError is a ValueError
            raise ModelLoadError(f"{path}: LiteRT: {_one_line(error)}") from error


def _spec(detail: dict[str, Any]) -> TensorSpec:
    scale, zero_point = detail["quantization"]
    tensor = {
        "name": detail["name"],
        "dtype": np.dtype(detail["dtype"]).name,
        "shape": detail["shape"].tolist(),
        "quantization": {"scale": scale, "zero_point": zero_point} if scale > 0 else None,
    }
    return msgspec.convert(tensor, TensorSpec)  # also checks that it is within what a bundle can say


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
