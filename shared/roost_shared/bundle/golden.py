"""Golden vectors: payloads with the outputs they must give, made at build, checked on every machine.

They are payloads, not tensors, so they prove decoding, preprocessing and model together on the hardware at hand. They
travel as one MessagePack blob; image payloads are lossless, so that no decoder's rounding is in the comparison.
"""

import hashlib
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from roost_shared.bundle.errors import BundleError
from roost_shared.bundle.manifest import GoldenSpec
from roost_shared.errors import ContentError
from roost_shared.messages import UNREADABLE

__all__ = [
    "GoldenMismatchError",
    "GoldenOutput",
    "GoldenVector",
    "compare",
    "decode_golden",
    "encode_golden",
    "golden_hash",
    "golden_output",
]

MAX_GOLDEN_BYTES: Final = 64 << 20  # bytes
_FLOAT_BYTES: Final = 4


class GoldenMismatchError(ContentError):
    """This machine does not give the outputs the bundle was built with.

    Args:
        vector: which golden vector, counted from 0.
        deviation: the largest deviation found, in output units; infinite if shapes differ.
        tolerance: the largest allowed.
    """

    code = "bundle.golden_mismatch"

    def __init__(self, *, vector: int, deviation: float, tolerance: float) -> None:
        super().__init__(f"golden vector {vector} deviates by {deviation:.6g}, allowed is {tolerance:.6g}")
        self.vector = vector
        self.deviation = deviation
        self.tolerance = tolerance


class GoldenOutput(msgspec.Struct, frozen=True):
    """An output in real units: little-endian float32, row by row."""

    shape: Annotated[tuple[Annotated[int, Meta(ge=1)], ...], Meta(max_length=8)]
    values: bytes


class GoldenVector(msgspec.Struct, frozen=True, kw_only=True):
    """A payload, its circumstances and the outputs of the last stage."""

    payload: bytes
    inject: dict[str, Any] = {}
    outputs: tuple[GoldenOutput, ...]


def encode_golden(vectors: Sequence[GoldenVector]) -> bytes:
    """The vectors as one blob."""
    return msgspec.msgpack.encode(vectors, order="deterministic")


def decode_golden(path: Path, spec: GoldenSpec) -> list[GoldenVector]:
    """Read the vectors' blob.

    Args:
        path: the blob.
        spec: what the bundle's document says of it.

    Raises:
        BundleError: it is no such blob.
    """
    if path.stat().st_size > MAX_GOLDEN_BYTES:
        raise BundleError(path, f"golden vectors are larger than {MAX_GOLDEN_BYTES} bytes")
    try:
        vectors = msgspec.msgpack.decode(path.read_bytes(), type=list[GoldenVector])
    except UNREADABLE as error:
        raise BundleError(path, f"golden vectors cannot be read: {error}") from error
    if len(vectors) != spec.vectors:
        raise BundleError(path, f"holds {len(vectors)} golden vectors, the bundle promises {spec.vectors}")
    for number, vector in enumerate(vectors):
        if any(len(output.values) != _FLOAT_BYTES * math.prod(output.shape) for output in vector.outputs):
            raise BundleError(path, f"golden vectors: an output of vector {number} has not the bytes of its shape")
    return vectors


def golden_output(values: NDArray[np.float32]) -> GoldenOutput:
    """An output as it is kept."""
    return GoldenOutput(values.shape, values.astype("<f4").tobytes())


def golden_hash(outputs: Iterable[NDArray[np.float32]]) -> str:
    """What outputs are to the last bit: SHA-256 of their float32 values, little-endian, one after the other; hex."""
    digest = hashlib.sha256()
    for values in outputs:
        digest.update(values.astype("<f4").tobytes())
    return digest.hexdigest()


def compare(number: int, vector: GoldenVector, found: Sequence[NDArray[Any]], *, tolerance: float) -> None:
    """Compare what a machine found with what is expected.

    Args:
        number: of the vector, for the error.
        vector: payload and expected outputs.
        found: the outputs found, in real units.
        tolerance: largest deviation of any value, in output units.

    Raises:
        GoldenMismatchError: a shape differs, or a value by more than `tolerance`.
    """
    deviation = float("inf")
    if [output.shape for output in vector.outputs] == [values.shape for values in found]:
        expected = [np.frombuffer(output.values, "<f4").reshape(output.shape) for output in vector.outputs]
        deviation = float(np.max([np.abs(e - f).max() for e, f in zip(expected, found, strict=True)]))
    if not deviation <= tolerance:  # so written, a deviation that is not a number fails too
        raise GoldenMismatchError(vector=number, deviation=deviation, tolerance=tolerance)
