"""ONNX Runtime (`onnxruntime`): runs `.onnx` files, on the CPU or by the execution provider a contestant names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as faults

from roost_shared.bundle.manifest import TensorSpec
from roost_shared.runtime_settings import RuntimeName, RuntimeSettings
from roost_shared.runtimes.base import ModelLoadError, ModelRunError, NoDelegateError, one_line

__all__ = ["OnnxModel", "OnnxRuntime"]

_CPU: Final = "CPUExecutionProvider"
_ERRORS_ONLY: Final = 3
_DTYPES: Final = {
    "tensor(bool)": "bool",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(float16)": "float16",
    "tensor(float)": "float32",
}
# They have no root of their own but `Exception`.
_FAULTS: Final = (
    faults.EPFail,
    faults.Fail,
    faults.InvalidArgument,
    faults.InvalidGraph,
    faults.InvalidProtobuf,
    faults.NoSuchFile,
    faults.NotImplemented,
    faults.RuntimeException,
    RuntimeError,
    ValueError,
)


class OnnxModel:
    """A loaded `.onnx` file. Quantised tensors are what they are stored as: ONNX says nothing of their meaning.

    `run` may be called by several threads at a time.
    """

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self.inputs = tuple(_spec(node) for node in session.get_inputs())
        self.outputs = tuple(_spec(node) for node in session.get_outputs())
        self.batches = all(_is_open(node) for node in (*session.get_inputs(), *session.get_outputs()))
        self._input_names = [tensor.name for tensor in self.inputs]

    def run(self, inputs: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Infer once; see `Model.run`."""
        try:
            outputs: list[NDArray[Any]] = self._session.run(None, dict(zip(self._input_names, inputs, strict=True)))
        except _FAULTS as error:
            raise ModelRunError(f"onnxruntime: {one_line(error)}") from error
        return outputs


class OnnxRuntime:
    """Loads `.onnx` files, to be run one operator after the other by threads that sleep while they wait."""

    name: RuntimeName = "onnxruntime"

    def load(self, path: Path, settings: RuntimeSettings) -> OnnxModel:
        """Load an `.onnx` file; see `Runtime.load`."""
        providers = _providers(settings)
        try:
            session = onnxruntime.InferenceSession(str(path), _options(settings), providers=providers)
            model = OnnxModel(session)
        except _FAULTS as error:  # msgspec's ValidationError is a ValueError
            using = f" with {settings.delegate}" if settings.delegate is not None else ""
            raise ModelLoadError(f"{path}: onnxruntime{using}: {one_line(error)}") from error
        if settings.delegate is not None and settings.delegate not in session.get_providers():
            # The library only warns, and goes on without.
            remedy = "Check that its hardware and drivers are there, and its delegate_options"
            raise NoDelegateError(settings.delegate, "ONNX Runtime could not start it", remedy)
        return model


def _options(settings: RuntimeSettings) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _ERRORS_ONLY
    # A thread that spins while it waits takes the processor from the others.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def _providers(settings: RuntimeSettings) -> list[str | tuple[str, dict[str, str]]]:
    """The execution providers to use, the best first.

    Raises:
        NoDelegateError: this build of ONNX Runtime lacks the one asked for.
    """
    if settings.delegate is None:
        return [_CPU]
    available = onnxruntime.get_available_providers()
    if settings.delegate not in available:
        reason = f"this ONNX Runtime has only {', '.join(available)}"
        raise NoDelegateError(settings.delegate, reason, "Install the build of onnxruntime that has it")
    fallback = [_CPU] if settings.delegate != _CPU else []  # for operators the provider does not know
    return [(settings.delegate, settings.delegate_options), *fallback]


def _is_open(node: Any) -> bool:
    """Whether a graph's input or output leaves its leading dimension to the caller."""
    return bool(node.shape) and not isinstance(node.shape[0], int)


def _spec(node: Any) -> TensorSpec:
    """What a bundle says of a graph's input or output; its leading dimension, if left open, is a batch of 1."""
    shape = list(node.shape)
    if shape and not isinstance(shape[0], int):
        shape[0] = 1
    if not all(isinstance(length, int) for length in shape):
        raise ValueError(f"tensor {node.name!r} leaves dimensions open: {node.shape}; export it with fixed ones")
    tensor = {"name": node.name, "dtype": _DTYPES.get(node.type, node.type), "shape": shape}
    return msgspec.convert(tensor, TensorSpec)  # also checks that it is within what a bundle can say
