"""φ of an embedding: what a base stage makes of an input, by its spread and along a few fixed directions. Pure.

Directions are ±1 for each feature, by a hash of direction and place: the same on every machine, and none that a model
was trained along. Divided by the root of the number of features, so that no embedding is too long for them.
"""

import hashlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from roost_shared.bundle.manifest import TensorSpec
from roost_shared.sketches.moments import LARGEST_VALUE

__all__ = ["EmbeddingPhi"]

_DIRECTIONS: Final = 4
_FEATURES: Final = 4096  # looked at; of a longer embedding every k-th


class EmbeddingPhi:
    """Measures embeddings of one base.

    Args:
        tensor: what they are.
    """

    def __init__(self, tensor: TensorSpec) -> None:
        self._step = -(-tensor.elements // _FEATURES)
        self._quantization = tensor.quantization
        features = len(range(0, tensor.elements, self._step))
        self._directions = np.stack([_direction(number, features) for number in range(_DIRECTIONS)])

    def measure(self, stored: NDArray[Any]) -> list[float]:
        """The statistics, in the order of `kinds.EMBEDDING`.

        Args:
            stored: the tensor as the base gives it.
        """
        real = stored.reshape(-1)[:: self._step].astype(np.float64)
        if self._quantization is not None:
            real = (real - self._quantization.zero_point) * self._quantization.scale
        real = np.nan_to_num(real, nan=0.0, posinf=LARGEST_VALUE, neginf=-LARGEST_VALUE)
        real = real.clip(-LARGEST_VALUE, LARGEST_VALUE)
        statistics = [real.mean(), real.std(), 1 - np.count_nonzero(real) / real.size, real.max()]
        along = (self._directions * real).sum(axis=1)
        return [min(max(float(value), -LARGEST_VALUE), LARGEST_VALUE) for value in (*statistics, *along)]


def _direction(number: int, features: int) -> NDArray[np.float64]:
    """Numbers of one size and either sign, `features` of them, whose squares add up to 1."""
    blocks = (hashlib.sha256(f"{number}:{block}".encode()).digest() for block in range(-(-features // 256)))
    bits = np.unpackbits(np.frombuffer(b"".join(blocks), np.uint8))[:features]
    direction: NDArray[np.float64] = (2.0 * bits - 1.0) / features**0.5
    return direction
