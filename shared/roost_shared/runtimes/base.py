"""What a model runtime is to Roost: it loads a stage's file and turns input tensors into output tensors.

Tensors pass as they are stored (quantised); what they mean is the bundle's business. Runtimes are imported when
chosen, so a process pays only for the one it uses.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from roost_shared.bundle.manifest import TensorSpec
from roost_shared.errors import ContentError, DeviceError
from roost_shared.runtime_settings import RuntimeName, RuntimeSettings

__all__ = [
    "BadOutputError",
    "Model",
    "ModelLoadError",
    "ModelRunError",
    "NoDelegateError",
    "NoRuntimeError",
    "Runtime",
    "one_line",
]


class ModelLoadError(ContentError):
    """A runtime cannot load the model file: it is corrupt, or uses an operator the runtime lacks."""

    code = "model.unloadable"


class ModelRunError(ContentError):
    """The model failed while it ran."""

    code = "model.failed"


class BadOutputError(ContentError):
    """The model gave values that are not finite, or in another shape than its bundle says."""

    code = "model.bad_output"


class NoRuntimeError(DeviceError):
    """None of the runtimes the bundle can use is installed here."""

    code = "device.no_runtime"


class NoDelegateError(DeviceError):
    """The hardware delegate a contestant asks for cannot be had here.

    Args:
        delegate: the library or execution provider as configured.
        reason: why not.
        remedy: what to do about it.
    """

    code = "runtime.no_delegate"

    def __init__(self, delegate: str, reason: str, remedy: str) -> None:
        super().__init__(f"delegate {delegate!r} cannot be had: {reason}. {remedy}")
        self.delegate = delegate
        self.reason = reason
        self.remedy = remedy


def one_line(error: Exception) -> str:
    """A runtime's own words, which may come in several lines."""
    return " ".join(str(error).split())


class Model(Protocol):
    """A loaded stage; used by one thread at a time, unless it says otherwise."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The tensors `run` takes, in order, as the file tells them."""
        ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The tensors `run` gives, in order, as the file tells them."""
        ...

    @property
    def batches(self) -> bool:
        """Whether `run` takes several inputs at once, stacked along the first dimension of each tensor."""
        ...

    def run(self, inputs: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Infer once.

        Args:
            inputs: one array for each of `self.inputs`, of its dtype and shape; where `self.batches`, the first
                dimension may be longer, and then is as long in the outputs.

        Returns:
            One array for each of `self.outputs`; the caller's own.

        Raises:
            ModelRunError: the runtime gave up.
        """
        ...


class Runtime(Protocol):
    """A way to run model files of one format."""

    @property
    def name(self) -> RuntimeName:
        """As bundles and configurations call it."""
        ...

    def load(self, path: Path, settings: RuntimeSettings) -> Model:
        """Load a model file, mapped and not copied where the runtime can.

        Args:
            path: the model file.
            settings: how many threads it may use, and on what hardware.

        Raises:
            ModelLoadError: it cannot.
            NoDelegateError: that hardware is not there.
        """
        ...
