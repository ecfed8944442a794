"""Model runtimes: which there are, and which of them this machine has."""

from importlib import import_module
from typing import Final, NamedTuple

from roost_shared.bundle.manifest import RuntimeNeeds, StageFormat
from roost_shared.runtimes.base import (
    BadOutputError,
    Model,
    ModelLoadError,
    ModelRunError,
    NoRuntimeError,
    Runtime,
)

__all__ = [
    "BadOutputError",
    "Model",
    "ModelLoadError",
    "ModelRunError",
    "NoRuntimeError",
    "Runtime",
    "choose_runtime",
]


class _Known(NamedTuple):
    stage_format: StageFormat
    module: str
    attribute: str
    install: str


_RUNTIMES: Final = {
    "litert": _Known("tflite", "roost_shared.runtimes.tflite", "LiteRtRuntime", "pip install ai-edge-litert"),
}


def choose_runtime(needs: RuntimeNeeds) -> tuple[Runtime, StageFormat]:
    """The first runtime of `needs` that is installed, and the format it reads.

    Raises:
        NoRuntimeError: none is; says what to install.
    """
    remedies = []
    for name in needs.runtimes:
        known = _RUNTIMES.get(name)
        if known is None:
            remedies.append(f"{name} is unknown to this version of Roost")
            continue
        try:
            module = import_module(known.module)
        except ImportError as error:
            remedies.append(f"{name}: {known.install} ({error})")
            continue
        runtime: Runtime = getattr(module, known.attribute)()
        return runtime, known.stage_format
    raise NoRuntimeError(f"no runtime for this bundle is installed: {'; '.join(remedies)}")
