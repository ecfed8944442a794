"""Golden vectors: payloads with the outputs they must give, made at build, checked on every machine.

They are payloads, not tensors, so they prove decoding, preprocessing and model together on the hardware at hand. They
travel as one MessagePack blob; image payloads are lossless, so that no decoder's rounding is in the comparison.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from roost_shared.bundle.errors import BundleError
from roost_shared.errors import ContentError

__all__ = [
    "GoldenMismatchError",
    "GoldenOutput",
    "GoldenVector",
    "compare",
    "decode_golden",
    "encode_golden",
    "golden_output",
]

MAX_GOLDEN_BYTES: Final = 64 << 20  # bytes


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


def decode_golden(path: Path) -> list[GoldenVector]:
    """Read the vectors' blob.

    Raises:
        BundleError: it is no such blob.
    """
    if path.stat().st_size > MAX_GOLDEN_BYTES:
        raise BundleError(path, f"golden vectors are larger than {MAX_GOLDEN_BYTES} bytes")
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=list[GoldenVector])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BundleError(path, f"golden vectors cannot be read: {error}") from error


def golden_output(values: NDArray[np.float32]) -> GoldenOutput:
    """An output as it is kept."""
    return GoldenOutput(values.shape, values.astype("<f4").tobytes())


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
    deviation = 0.0
    if [output.shape for output in vector.outputs] != [values.shape for values in found]:
        deviation = float("inf")
    else:
        for output, values in zip(vector.outputs, found, strict=True):
            expected = np.frombuffer(output.values, "<f4").reshape(output.shape)
            deviation = max(deviation, float(np.abs(expected - values).max()))
    if not deviation <= tolerance:
        raise GoldenMismatchError(vector=number, deviation=deviation, tolerance=tolerance)
