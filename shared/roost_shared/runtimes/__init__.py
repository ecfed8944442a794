"""Model runtimes: which there are, and which of them this machine has.

- `base.py`: what a runtime is to Roost. `tflite.py`, `onnx.py`: those that there are.

A runtime's library is loaded when a model is. To add one: README.md, "How to add".
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from roost_shared.bundle.manifest import StageFormat
from roost_shared.runtime_settings import RuntimeName, RuntimeSettings
from roost_shared.runtimes.base import (
    BadOutputError,
    Model,
    ModelLoadError,
    ModelRunError,
    NoDelegateError,
    NoRuntimeError,
    Runtime,
)

__all__ = [
    "BadOutputError",
    "Model",
    "ModelLoadError",
    "ModelRunError",
    "NoDelegateError",
    "NoRuntimeError",
    "Runtime",
    "RuntimeSettings",
    "choose_runtime",
    "runtimes_of",
]


def _litert() -> Runtime:
    from ai_edge_litert import interpreter  # noqa: PLC0415 - a process pays only for the runtime it uses

    from roost_shared.runtimes.tflite import TfliteRuntime  # noqa: PLC0415 - as above

    return TfliteRuntime("litert", interpreter)


def _tflite_runtime() -> Runtime:
    from tflite_runtime import interpreter  # noqa: PLC0415 - as above

    from roost_shared.runtimes.tflite import TfliteRuntime  # noqa: PLC0415 - as above

    return TfliteRuntime("tflite-runtime", interpreter)


def _onnxruntime() -> Runtime:
    from roost_shared.runtimes.onnx import OnnxRuntime  # noqa: PLC0415 - as above

    return OnnxRuntime()


class _Known(NamedTuple):
    stage_format: StageFormat
    open: Callable[[], Runtime]  # raises ImportError where it is not installed
    install: str


_RUNTIMES: Final[dict[str, _Known]] = {
    "litert": _Known("tflite", _litert, "pip install 'roost[edge]'"),
    "tflite-runtime": _Known("tflite", _tflite_runtime, "pip install 'roost[tflite-runtime]'"),
    "onnxruntime": _Known("onnx", _onnxruntime, "pip install 'roost[onnx]'"),
}


def runtimes_of(stage_format: StageFormat) -> tuple[str, ...]:
    """The runtimes that read `stage_format`, the best first."""
    return tuple(name for name, known in _RUNTIMES.items() if known.stage_format == stage_format)


def choose_runtime(listed: Sequence[str], only: RuntimeName | None = None) -> tuple[Runtime, StageFormat]:
    """The first runtime of `listed` that is installed, and the format it reads.

    Args:
        listed: what the bundle can use, the best first.
        only: the one that will do, if only one will.

    Raises:
        NoRuntimeError: none is; says what to install.
    """
    if only is not None and only not in listed:
        raise NoRuntimeError(f"the configuration asks for {only}, but the bundle is made for {' or '.join(listed)}")
    remedies = []
    for name in [only] if only is not None else listed:
        known = _RUNTIMES.get(name)
        if known is None:
            remedies.append(f"{name} is unknown to this version of Roost")
            continue
        try:
            return known.open(), known.stage_format
        except ImportError as error:
            remedies.append(f"{name}: {known.install} ({error})")
    raise NoRuntimeError(f"no runtime for this bundle is installed: {'; '.join(remedies)}")
