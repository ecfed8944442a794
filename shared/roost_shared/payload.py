"""Payload bytes to an image or an array: everything a sensor may send, opened within limits.

The kind is told by the first bytes; a content type decides only where those say nothing, because sensors mislabel
more often than they send foreign bytes. Whatever the bytes, the outcome is an image, an array or an `InputError`:
nothing is unpickled, and an image's size is checked before a pixel is decoded.

Images come back undecoded (`PIL.Image.Image` after its header was read); `load_pixels` decodes them.
"""

import io
import math
import re
import struct
import zlib
from typing import Any, Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import JpegImagePlugin, PngImagePlugin
from PIL.Image import DecompressionBombError, Image
from PIL.ImageFile import ImageFile

from roost_shared.errors import InputError
from roost_shared.limits import InputLimits
from roost_shared.magic import MagicKind, kind_by_magic
from roost_shared.messages import UNREADABLE
from roost_shared.number_lists import holds_numbers

__all__ = [
    "ArrayObjectError",
    "BadArrayError",
    "BadImageError",
    "BadJsonError",
    "EmptyInputError",
    "NotFiniteError",
    "TooLargeError",
    "TooManyPixelsError",
    "TruncatedError",
    "UnknownTypeError",
    "load_pixels",
    "open_payload",
    "to_array",
]

Kind = MagicKind | Literal["json"]

# What Pillow's decoders raise on bytes that are not what they claim to be.
_IMAGE_FAULTS: Final = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
    DecompressionBombError,
)
_MAX_NPY_HEADER: Final = 10_000  # bytes
_MAX_ITEM: Final = 8  # bytes: doubles, but no long doubles, whose layout is the machine's own
_MAX_DIMENSIONS: Final = 32
_NPY_FIELDS: Final = (
    re.compile(rb"'descr': *'([<>|=]?[A-Za-z][0-9]{0,9})'"),
    re.compile(rb"'fortran_order': *(True|False)"),
    re.compile(rb"'shape': *\(([0-9, ]*)\)"),
)
_JSON_START: Final = re.compile(rb"[ \t\r\n]*[\[{\-0-9]")
_TYPES: Final[dict[str, Kind]] = {
    "application/json": "json",
    "application/x-npy": "npy",
    "image/bmp": "bmp",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/png": "png",
    "image/webp": "webp",
}


class EmptyInputError(InputError):
    """No bytes at all."""

    code = "input.empty"


class TooLargeError(InputError):
    """More bytes than the limit allows."""

    code = "input.too_large"


class TooManyPixelsError(InputError):
    """The image's header claims more pixels than the limit allows."""

    code = "input.too_many_pixels"


class UnknownTypeError(InputError):
    """Neither an image nor an array that we read."""

    code = "input.unknown_type"


class TruncatedError(InputError):
    """The bytes end before the image or array does."""

    code = "input.truncated"


class BadImageError(InputError):
    """The image is corrupt, or of a variant that cannot be decoded."""

    code = "input.bad_image"


class BadArrayError(InputError):
    """The `.npy` header is corrupt, or its values are no numbers."""

    code = "input.bad_array"


class ArrayObjectError(InputError):
    """The `.npy` holds Python objects, which would have to be unpickled: never."""

    code = "input.object_array"


class BadJsonError(InputError):
    """The JSON is no (nested, rectangular) array of numbers."""

    code = "input.bad_json"


class NotFiniteError(InputError):
    """A value is infinite or not a number."""

    code = "input.not_finite"


def open_payload(
    payload: bytes | memoryview, *, content_type: str | None = None, limits: InputLimits | None = None
) -> Image | NDArray[Any]:
    """Tell what `payload` is and open it.

    Args:
        payload: the bytes as received.
        content_type: what the sender calls them, if it says.
        limits: how large it may be.

    Returns:
        An image whose header was read, or an array of numbers, all finite, of any shape and numeric dtype.

    Raises:
        InputError: it is empty, too large, truncated, corrupt or of an unknown type; one leaf for each.
    """
    limits = limits or InputLimits()
    view = memoryview(payload)
    if view.nbytes == 0:
        raise EmptyInputError("the payload is empty")
    if view.nbytes > limits.payload_bytes:
        raise TooLargeError(f"the payload has {view.nbytes} bytes, the limit is {limits.payload_bytes}")
    kind = _kind_of(bytes(view[:64]), content_type)
    if kind == "json":
        return _open_json(view)
    if kind == "npy":
        return _open_npy(view)
    return _open_image(view, kind, limits.image_pixels)


def load_pixels(image: Image) -> None:
    """Decode an image that `open_payload` opened.

    Raises:
        TruncatedError: it ends too early.
        BadImageError: it is corrupt.
    """
    try:
        image.load()
    except _IMAGE_FAULTS as error:
        raise _image_error(error) from error


def to_array(value: Any) -> NDArray[Any]:
    """An array from what JSON decodes to.

    Raises:
        BadJsonError: it is not a number or nested lists of numbers of equal length.
        NotFiniteError: a value is not finite.
    """
    if not holds_numbers(value):
        raise BadJsonError("the value is no array of numbers")
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError, TypeError) as error:
        raise BadJsonError(f"the value is no array of numbers: {error}") from error
    if array.dtype.kind not in "iuf" or array.size == 0:
        raise BadJsonError("the value is no array of numbers")
    return _finite(array)


def _kind_of(start: bytes, content_type: str | None) -> Kind:
    kind = kind_by_magic(start)
    if kind is not None:
        return kind
    named = _TYPES.get((content_type or "").partition(";")[0].strip().lower())
    if named == "json" or (content_type is None and _JSON_START.match(start)):
        return "json"
    if named is not None:
        raise BadImageError(f"the payload is called {content_type} but does not start like one")
    raise UnknownTypeError(
        f"the payload ({content_type or 'no content type'}, starting {start[:8].hex(' ')}) is none of JPEG, PNG, BMP, "
        "WebP, .npy, JSON array"
    )


def _open_json(view: memoryview) -> NDArray[Any]:
    """An array from JSON text: a number, or nested lists of numbers.

    Raises:
        BadJsonError: it is something else, or ragged.
        NotFiniteError: a number is too large for a double.
    """
    try:
        return to_array(msgspec.json.decode(view))
    except UNREADABLE as error:
        raise BadJsonError(f"the payload is no JSON array of numbers: {error}") from error


def _open_image(view: memoryview, kind: Kind, max_pixels: int) -> Image:
    """Read the header through the format's own plugin: `Image.open` would import and try them all."""
    try:
        image = _image_class(kind)(io.BytesIO(view))
    except _IMAGE_FAULTS as error:
        raise _image_error(error) from error
    width, height = image.size
    if width * height > max_pixels:
        raise TooManyPixelsError(f"the image claims {width}×{height} pixels, the limit is {max_pixels}")
    return image


def _image_class(kind: Kind) -> type[ImageFile]:
    if kind == "jpeg":
        return JpegImagePlugin.JpegImageFile
    if kind == "png":
        return PngImagePlugin.PngImageFile
    # Rare at the edge: loaded when the first one comes.
    if kind == "bmp":
        from PIL.BmpImagePlugin import BmpImageFile  # noqa: PLC0415 - see above

        return BmpImageFile
    from PIL.WebPImagePlugin import WebPImageFile  # noqa: PLC0415 - see above

    return WebPImageFile


def _image_error(error: Exception) -> InputError:
    text = f"the image cannot be decoded: {error}"
    if isinstance(error, DecompressionBombError):  # some of Pillow's plugins look at the size themselves
        return TooManyPixelsError(text)
    return TruncatedError(text) if "truncated" in str(error).lower() else BadImageError(text)


def _open_npy(view: memoryview) -> NDArray[Any]:
    """Read the header by pattern: numpy's own reader evaluates it as Python, which fails in many more ways."""
    start = (
        12 if view[6:7].tobytes() == b"\2" else 10
    )  # version 2 has a longer length field; later ones hold no plain numbers
    end = start + int.from_bytes(view[8:start], "little")
    if end > min(view.nbytes, _MAX_NPY_HEADER):
        raise BadArrayError(f"the .npy header claims {end} bytes")
    header = bytes(view[start:end])
    matches = [pattern.search(header) for pattern in _NPY_FIELDS]
    if None in matches:
        raise BadArrayError(f"the .npy header {header[:80]!r} does not describe an array of numbers")
    kind, order, lengths = (match[1].decode("ascii") for match in matches if match)
    if kind.lstrip("<>|=").startswith("O"):
        raise ArrayObjectError("the .npy array holds Python objects, which are never unpickled")
    try:
        dtype = np.dtype(kind)
        shape = tuple(int(length) for length in lengths.split(",") if length.strip())
    except (TypeError, ValueError) as error:
        raise BadArrayError(f"the .npy header cannot be read: {error}") from error
    if dtype.kind not in "biuf" or dtype.itemsize > _MAX_ITEM or 0 in shape or len(shape) > _MAX_DIMENSIONS:
        raise BadArrayError(f"the .npy array of {dtype} with shape {shape} is no array of numbers")
    return _finite(_npy_values(view[end:], shape, dtype, fortran_order=order == "True"))


def _npy_values(
    data: memoryview, shape: tuple[int, ...], dtype: np.dtype[Any], *, fortran_order: bool
) -> NDArray[Any]:
    count = math.prod(shape)
    if count * dtype.itemsize > data.nbytes:
        raise TruncatedError(f"the .npy array claims {count * dtype.itemsize} bytes, {data.nbytes} came")
    return np.frombuffer(data, dtype, count).reshape(shape, order="F" if fortran_order else "C")


def _finite(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise NotFiniteError("a value is infinite or not a number")
    return array
