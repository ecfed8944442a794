"""Runs `.tflite` files by LiteRT (`ai-edge-litert`) or its predecessor `tflite-runtime`, which share one interface.

Neither is imported here, so that a machine needs only the one it has.
"""

import ctypes
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from roost_shared.bundle.manifest import TensorSpec
from roost_shared.runtime_settings import RuntimeName, RuntimeSettings
from roost_shared.runtimes.base import ModelLoadError, ModelRunError, NoDelegateError, one_line

__all__ = ["TfliteModel", "TfliteRuntime"]

_CREATE: Final = "tflite_plugin_create_delegate"  # what makes a library an external delegate


class TfliteModel:
    """A loaded `.tflite` file."""

    batches = False  # a longer first dimension would have all memory planned anew, for each length

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
            raise ModelRunError(f"tflite: {one_line(error)}") from error
        return [interpreter.get_tensor(index) for index in self._output_indices]


class TfliteRuntime:
    """Loads `.tflite` files by path, so that their weights stay mapped from the file.

    Args:
        name: of the runtime.
        library: its module `interpreter`.
    """

    def __init__(self, name: RuntimeName, library: ModuleType) -> None:
        self.name: RuntimeName = name
        self._library = library

    def load(self, path: Path, settings: RuntimeSettings) -> TfliteModel:
        """Load a `.tflite` file; see `Runtime.load`."""
        delegates = [self._load_delegate(settings.delegate, settings)] if settings.delegate is not None else None
        kernels = self._library.OpResolverType
        try:
            interpreter = self._library.Interpreter(
                model_path=str(path),
                experimental_delegates=delegates,
                num_threads=settings.threads,
                experimental_op_resolver_type=kernels.BUILTIN_WITHOUT_DEFAULT_DELEGATES
                if settings.plain_kernels
                else kernels.AUTO,
            )
            interpreter.allocate_tensors()
            return TfliteModel(interpreter)
        except (RuntimeError, ValueError) as error:  # msgspec's ValidationError is a ValueError
            using = f" with delegate {settings.delegate!r}" if delegates else ""
            raise ModelLoadError(f"{path}: {self.name}{using}: {one_line(error)}") from error

    def _load_delegate(self, library: str, settings: RuntimeSettings) -> Any:
        """Load the shared library and have it make a delegate.

        Raises:
            NoDelegateError: there is no such library, it is no delegate, or it finds no hardware.
        """
        # `load_delegate` leaves half an object behind, whose end is an error too, if these two do not hold.
        try:
            found = ctypes.CDLL(library)
        except OSError as error:
            remedy = "Install that library where the loader finds it, or give its full path"
            raise NoDelegateError(library, one_line(error), remedy) from error
        if not hasattr(found, _CREATE):
            raise NoDelegateError(library, f"it has no {_CREATE}", "Name a tflite external delegate")
        try:
            return self._library.load_delegate(library, settings.delegate_options)
        except ValueError as error:
            reason = one_line(error).removeprefix(f"Failed to load delegate from {library}").strip()
            remedy = "Check that its hardware is there and that this user may use it, and its delegate_options"
            raise NoDelegateError(library, reason or "it refused, without a reason", remedy) from error


def _spec(detail: dict[str, Any]) -> TensorSpec:
    scale, zero_point = detail["quantization"]
    tensor = {
        "name": detail["name"],
        "dtype": np.dtype(detail["dtype"]).name,
        "shape": detail["shape"].tolist(),
        "quantization": {"scale": scale, "zero_point": zero_point} if scale > 0 else None,
    }
    return msgspec.convert(tensor, TensorSpec)  # also checks that it is within what a bundle can say
