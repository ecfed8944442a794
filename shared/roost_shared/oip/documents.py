"""The protocol's JSON documents, but for tensors' data; see `request` and `response` for those.

Specification: https://github.com/kserve/open-inference-protocol, `specification/protocol/inference_rest.md`.
"""

from http import HTTPStatus
from typing import Final

import msgspec

__all__ = [
    "EXTENSIONS",
    "NOT_READY",
    "OUTPUTS",
    "PLATFORM",
    "VERSION",
    "ErrorDocument",
    "Live",
    "ModelMetadata",
    "ModelReady",
    "Ready",
    "ServerMetadata",
    "TensorMetadata",
    "model_metadata",
]

# A task is asked, not a model: which bundle answers is decided for each request and said in its parameters. So the
# version that a path may name is that of the task's interface.
VERSION: Final = "1"
NOT_READY: Final = HTTPStatus.BAD_REQUEST  # the specification wants some 4xx; Triton says this one
PLATFORM: Final = "roost"
EXTENSIONS: Final = ("binary_tensor_data",)


class ErrorDocument(msgspec.Struct, frozen=True):
    """Why there is no result: one line for a person, and our stable dotted code."""

    error: str
    code: str


class Live(msgspec.Struct, frozen=True):
    """The server is there."""

    live: bool


class Ready(msgspec.Struct, frozen=True):
    """Whether every task can be asked.

    The specification calls the key `live` here too, others read `ready`: both say the same.
    """

    ready: bool
    live: bool


class ModelReady(msgspec.Struct, frozen=True):
    """Whether a task can be asked."""

    name: str
    ready: bool


class ServerMetadata(msgspec.Struct, frozen=True):
    """Who answers, and what it understands beyond the protocol."""

    name: str
    version: str
    extensions: tuple[str, ...] = EXTENSIONS


class TensorMetadata(msgspec.Struct, frozen=True):
    """A tensor as a model's metadata has it; -1 in its shape is any length."""

    name: str
    datatype: str
    shape: tuple[int, ...]


class ModelMetadata(msgspec.Struct, frozen=True):
    """A task as a model."""

    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]


# Every input takes an encoded image or array as one element of BYTES, which is what can be stated for all bundles; a
# tensor of the bundle's own shape is taken too.
INPUTS: Final = (TensorMetadata("input", "BYTES", (1,)),)
# What an answer does not have is left out: a regression has no label, a classification no output.
OUTPUTS: Final = (
    TensorMetadata("label", "BYTES", (1,)),
    TensorMetadata("confidence", "FP32", (1,)),
    TensorMetadata("top_labels", "BYTES", (-1,)),
    TensorMetadata("top_confidences", "FP32", (-1,)),
    TensorMetadata("output", "FP32", (-1,)),
)


def model_metadata(task: str) -> ModelMetadata:
    """The metadata of a task: the same for all but their names."""
    return ModelMetadata(task, (VERSION,), PLATFORM, INPUTS, OUTPUTS)
