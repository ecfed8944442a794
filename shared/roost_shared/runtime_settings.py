"""How a contestant wants its model run: by which runtime, with how many threads, on what hardware.

Light: the agent reads these from its configuration and hands them to workers, and loads no runtime itself.
"""

from typing import Final, Literal

import msgspec

__all__ = ["RUNTIME_PACKAGES", "RuntimeName", "RuntimeSettings"]

RuntimeName = Literal["litert", "tflite-runtime", "onnxruntime"]
RUNTIME_PACKAGES: Final[dict[RuntimeName, str]] = {  # that are imported for them
    "litert": "ai_edge_litert",
    "tflite-runtime": "tflite_runtime",
    "onnxruntime": "onnxruntime",
}


class RuntimeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a runtime is told when it loads a model.

    Attributes:
        threads: how many it may use.
        name: the only runtime that will do; None: the best installed one that the bundle lists.
        delegate: hardware to hand the model to: a shared library for tflite, an execution provider for ONNX.
        delegate_options: what that takes, as its documentation says.
        plain_kernels: leave out the kernels made for this kind of processor; others, and other runtimes, round as the
            plain ones do. For whoever makes golden vectors.
    """

    threads: int = 1
    name: RuntimeName | None = None
    delegate: str | None = None
    delegate_options: dict[str, str] = {}
    plain_kernels: bool = False

    @property
    def paths(self) -> list[str]:
        """What of it names a file of the machine, and not something that is installed there under a name."""
        return [text for text in (self.delegate or "", *self.delegate_options.values()) if "/" in text]
