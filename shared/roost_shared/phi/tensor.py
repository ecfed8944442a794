"""φ of a tensor that is no picture: readings, spectra, features that somebody else made. Pure.

A tensor of up to 4,096 values is measured whole, of a larger one every k-th value is. Values that are not finite are
counted, and left out of the rest.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from roost_shared.bundle.manifest import TensorSpec
from roost_shared.sketches.moments import LARGEST_VALUE

__all__ = ["TensorPhi"]

_VALUES: Final = 4096  # measured at most
_SHARES: Final = (1, 5, 9)  # tenths: the percentiles


class TensorPhi:
    """Measures tensors of one bundle.

    Args:
        tensor: what they are; statistics are in its real units.
    """

    def __init__(self, tensor: TensorSpec) -> None:
        self._step = -(-tensor.elements // _VALUES)
        self._quantization = tensor.quantization

    def measure(self, stored: NDArray[Any]) -> list[float]:
        """The statistics, in the order of `kinds.TENSOR`.

        Args:
            stored: the tensor as the model takes it.
        """
        seen = stored.reshape(-1)[:: self._step]
        real = seen.astype(np.float64)
        if self._quantization is not None:
            real = (real - self._quantization.zero_point) * self._quantization.scale
        if seen.dtype.kind == "f":
            real = real[np.isfinite(real)]
        missing = 1 - real.size / seen.size
        if not real.size:
            return [0.0] * 7 + [missing]
        real = real.clip(-LARGEST_VALUE, LARGEST_VALUE)
        in_order = np.sort(real)
        last = real.size - 1
        low, middle, high = (float(in_order[(last * share + 5) // 10]) for share in _SHARES)
        roughness = float(np.abs(real[1:] - real[:-1]).mean()) if last else 0.0
        mean, deviation = float(real.mean()), float(real.std())
        zeros = 1 - int(np.count_nonzero(real)) / real.size
        return [mean, min(deviation, LARGEST_VALUE), low, middle, high, min(roughness, LARGEST_VALUE), zeros, missing]
