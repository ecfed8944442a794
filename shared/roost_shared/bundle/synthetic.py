"""Inputs made from nothing, for golden vectors of bundles whose builder has no examples.

The images have the spectrum of photographs (power falls with frequency) and are saved lossless. The same arguments
give the same inputs.
"""

import io
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roost_shared.bundle.manifest import ArrayPayload, ImagePayload, Quantization, TensorSpec

__all__ = ["png_bytes", "synthetic_array", "synthetic_image", "synthetic_state"]

_GRIDS: Final = (2, 4, 8, 16, 32)  # cells across, from the broad shapes to the fine
_ASPECTS: Final = ((1.0, 1.0), (1.5, 1.0), (1.0, 2.0))  # of width and height: fitting is to be proven too


def synthetic_image(spec: ImagePayload, number: int) -> bytes:
    """The `number`-th picture for a model fed as `spec` says, as PNG bytes."""
    wide, high = _ASPECTS[number % len(_ASPECTS)]
    size = (round(spec.width * wide), round(spec.height * high))
    random = np.random.default_rng(number)
    mode, bands = ("L", ()) if spec.colour == "L" else ("RGB", (3,))
    total = np.zeros((size[1], size[0], *bands))
    for grid in _GRIDS:
        cells = Image.fromarray(random.integers(0, 256, (grid, grid, *bands), np.uint8), mode)
        total += np.asarray(cells.resize(size, Image.Resampling.BICUBIC), np.float64) / grid
    total -= total.min()
    return png_bytes(Image.fromarray((total * (255 / max(total.max(), 1))).astype(np.uint8), mode))


def png_bytes(image: Image.Image) -> bytes:
    """`image` as PNG."""
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def synthetic_array(spec: ArrayPayload, tensor: TensorSpec, number: int) -> bytes:
    """The `number`-th array for `tensor`, as `.npy` bytes; its real values spread over what the tensor can hold."""
    low, high = sorted((bound - spec.offset) / spec.scale for bound in _real_span(tensor))
    values = np.random.default_rng(number).uniform(low, high, tensor.shape).astype(np.float32)
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()


def _real_span(tensor: TensorSpec) -> tuple[float, float]:
    dtype = np.dtype(tensor.dtype)
    if dtype.kind not in "iu":
        return 0.0, 1.0
    quantization = tensor.quantization or Quantization(1.0, 0)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return (low - quantization.zero_point) * quantization.scale, (high - quantization.zero_point) * quantization.scale


def synthetic_state(tensor: TensorSpec) -> Any:
    """A value of external state for `tensor`, as JSON would give it."""
    values: NDArray[np.float64] = np.full(tensor.shape, 0.5)
    return values.item() if values.size == 1 else values.tolist()
