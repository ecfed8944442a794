"""A picture as a model looks at it: oriented, in its colours, in its size. What its pixels mean is for `preprocess`.

Whoever sends a picture to a model elsewhere may fit it first, and send no more than that model looks at.
"""

from typing import Final

import numpy as np
from PIL import Image

from roost_shared.bundle.manifest import ImagePayload
from roost_shared.payload import load_pixels

__all__ = ["fit_picture"]

_RESAMPLE: Final = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_ORIENTATION_TAG: Final = 0x0112
_TRANSPOSE: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def fit_picture(image: Image.Image, spec: ImagePayload) -> Image.Image:
    """What the preprocessing makes of a picture first of all: decoded, oriented, in the model's colours and size.

    Args:
        image: as `payload.open_payload` gives it.
        spec: what the bundle says; of BGR, pixels come as RGB still.

    Returns:
        A picture of `spec.width` × `spec.height`, mode RGB or L. Where `spec.orient` and `spec.draft` are off, fitting
        it once more changes nothing.

    Raises:
        InputError: it cannot be decoded.
    """
    mode = "L" if spec.colour == "L" else "RGB"
    if spec.draft:
        image.draft(mode, (spec.width, spec.height))
    load_pixels(image)
    if spec.orient:
        transpose = _TRANSPOSE.get(_orientation(image))
        image = image.transpose(transpose) if transpose is not None else image
    return _resized(_converted(image, mode), spec)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except (ArithmeticError, LookupError, OSError, SyntaxError, TypeError, ValueError):
        return 1  # a broken EXIF block does not spoil the picture


def _converted(image: Image.Image, mode: str) -> Image.Image:
    if image.mode == mode:
        return image
    if image.mode.startswith("I;16"):  # Pillow would clip 16-bit greys to 255, not scale them
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image.convert(mode)


def _resized(image: Image.Image, spec: ImagePayload) -> Image.Image:
    size = (spec.width, spec.height)
    if image.size == size:
        return image
    resample = _RESAMPLE[spec.resample]
    if spec.fit == "stretch":
        return image.resize(size, resample)
    width, height = image.size
    if spec.fit == "crop":
        scale = min(width / spec.width, height / spec.height)
        left, top = (width - spec.width * scale) / 2, (height - spec.height * scale) / 2
        return image.resize(size, resample, box=(left, top, width - left, height - top))
    scale = min(spec.width / width, spec.height / height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = Image.new(image.mode, size, (spec.pad,) * len(image.getbands()))
    canvas.paste(image.resize(inner, resample), ((spec.width - inner[0]) // 2, (spec.height - inner[1]) // 2))
    return canvas
