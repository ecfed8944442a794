"""From an opened payload to the model's tensor, as the bundle's document says: preprocessing is data.

The same code runs on the device, in the scorer and in training, so training and serving cannot skew. It is split into
what can be computed once for a bundle (a `Preprocessor`) and what each input costs: fitting a picture (`fitting`), and
one pass over its pixels.

Quantised inputs are exact: each of the 256 pixel values maps to the stored value that real arithmetic in
double precision rounds to. Where that map is the identity, as for most quantised image models, pixels pass as they
are.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roost_shared.bundle.manifest import ArrayPayload, ImagePayload, Preprocessing, TensorSpec
from roost_shared.errors import InputError
from roost_shared.fitting import fit_picture
from roost_shared.payload import UnknownTypeError, to_array

__all__ = ["MissingStateError", "Preprocessor", "WrongShapeError", "is_channels_first", "quantize"]

Array = NDArray[Any]

_PIXELS: Final = np.arange(256)
_IMAGE_DIMENSIONS: Final = 4
_CHANNELS: Final = (1, 3)


class WrongShapeError(InputError):
    """An array has not the shape the model takes."""

    code = "input.wrong_shape"


class MissingStateError(InputError):
    """The model takes external state that the request does not carry."""

    code = "input.missing_state"


class Preprocessor:
    """Turns opened payloads and external state into the input tensors of a bundle's first stage.

    Args:
        spec: what the bundle says.
        inputs: the first stage's input tensors; the results come in their order.
    """

    def __init__(self, spec: Preprocessing, inputs: tuple[TensorSpec, ...]) -> None:
        self._inputs = inputs
        self._payload = spec.payload
        self._injected = spec.injected
        tensor = next(tensor for tensor in inputs if tensor.name == spec.payload.input)
        self._from_image = None
        if isinstance(spec.payload, ImagePayload):
            self._from_image = _pixel_map(spec.payload, tensor)
            self._channels_first = is_channels_first(tensor)

    def __call__(self, payload: Image.Image | Array, inject: Mapping[str, Any]) -> list[Array]:
        """The input tensors for one payload.

        Args:
            payload: an image or array, as `payload.open_payload` gives it.
            inject: external state by name: JSON numbers or arrays.

        Returns:
            One array for each input, of its dtype and shape.

        Raises:
            InputError: the payload or the state does not fit the model; one leaf for each reason.
        """
        return [
            self._from_payload(payload, tensor)
            if tensor.name == self._payload.input
            else _state(self._injected[tensor.name], inject, tensor)
            for tensor in self._inputs
        ]

    def _from_payload(self, payload: Image.Image | Array, tensor: TensorSpec) -> Array:
        spec = self._payload
        if isinstance(spec, ArrayPayload):
            if isinstance(payload, Image.Image):
                raise UnknownTypeError("the payload is an image, but this model takes an array (.npy or JSON)")
            real = _shaped(payload, tensor.shape).astype(np.float64) * spec.scale + spec.offset
            return quantize(real, tensor)
        assert self._from_image is not None  # noqa: S101 - set with the spec; tells mypy
        stored = self._from_image(_pixels(payload, spec))
        if self._channels_first:
            stored = np.ascontiguousarray(stored.reshape(spec.height, spec.width, -1).transpose(2, 0, 1))
        return stored.reshape(tensor.shape)


def is_channels_first(tensor: TensorSpec) -> bool:
    """Whether an image's tensor is (1, channels, height, width), as ONNX models have it, and not channels last."""
    return len(tensor.shape) == _IMAGE_DIMENSIONS and tensor.shape[1] in _CHANNELS and tensor.shape[3] not in _CHANNELS


def quantize(real: Array, tensor: TensorSpec) -> Array:
    """Real values to what `tensor` stores: rounded half to even, and clipped to its dtype."""
    dtype = np.dtype(tensor.dtype)
    if dtype.kind == "f":
        return real.astype(dtype)
    stored = real
    if tensor.quantization is not None:
        stored = real / tensor.quantization.scale + tensor.quantization.zero_point
    if dtype.kind == "b":
        return np.asarray(stored != 0)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(stored), limits.min, limits.max).astype(dtype)


def _pixels(payload: Image.Image | Array, spec: ImagePayload) -> NDArray[np.uint8]:
    """Fitted pixels (height, width, channels) uint8, channels in the model's order."""
    if isinstance(payload, Image.Image):
        pixels = np.asarray(fit_picture(payload, spec))
        return pixels[:, :, ::-1] if spec.colour == "BGR" else pixels
    channels = 1 if spec.colour == "L" else 3
    array = _shaped(payload, (1, spec.height, spec.width, channels))
    if array.dtype == np.uint8:
        return array
    return np.clip(np.rint(array), 0, 255).astype(np.uint8)


def _pixel_map(spec: ImagePayload, tensor: TensorSpec) -> Callable[[NDArray[np.uint8]], Array]:
    """One pass from pixels to stored values, the fastest that is exact for this tensor."""
    scale, offset = np.array(spec.scale), np.array(spec.offset)
    if np.dtype(tensor.dtype).kind == "f":
        return _affine(scale.astype(tensor.dtype), offset.astype(tensor.dtype))
    # A table of the 256 pixel values for each channel, or one for all.
    table = quantize(np.multiply.outer(_PIXELS, scale) + offset, tensor)
    if all(np.array_equal(column, _PIXELS) for column in table.T) and table.dtype == np.uint8:
        return np.ascontiguousarray
    if all(np.array_equal(column, _PIXELS - 128) for column in table.T) and table.dtype == np.int8:
        return lambda pixels: (pixels ^ np.uint8(128)).view(np.int8)
    if table.shape[1] == 1:
        return table[:, 0].take
    channels = np.arange(table.shape[1])
    return lambda pixels: table[pixels, channels]


def _affine(scale: Array, offset: Array) -> Callable[[NDArray[np.uint8]], Array]:
    if (scale == 1).all() and (offset == 0).all():
        return lambda pixels: pixels.astype(scale.dtype)

    def convert(pixels: NDArray[np.uint8]) -> Array:
        real = np.multiply(pixels, scale, dtype=scale.dtype)
        real += offset
        return real

    return convert


def _shaped(array: Array, shape: tuple[int, ...]) -> Array:
    """`array` in `shape`, whose leading and trailing dimensions of 1 the sender may leave out."""
    trimmed = [length for length in shape if length != 1]
    if [length for length in array.shape if length != 1] != trimmed or array.ndim > len(shape):
        raise WrongShapeError(f"the array has shape {list(array.shape)}, the model takes {list(shape)}")
    return array.reshape(shape)


def _state(name: str, inject: Mapping[str, Any], tensor: TensorSpec) -> Array:
    value = inject.get(name)
    if value is None:
        raise MissingStateError(f"the model takes the external state {name!r}, which the request does not carry")
    return quantize(_shaped(to_array(value), tensor.shape).astype(np.float64), tensor)
