"""An input as a picture of at most 160 pixels a side, for people to look through many.

Devices' inputs are foreign bytes: they are opened within the limits of `roost_shared.payload`, and few at a time, for
a picture of the largest size takes 75 MB while it is decoded.
"""

import io
import threading
from typing import Final

import numpy as np
from PIL.Image import Image, fromarray

from roost_cloud.errors import NotFoundError
from roost_shared.errors import InputError
from roost_shared.limits import InputLimits
from roost_shared.payload import load_pixels, open_payload

__all__ = ["LIMITS", "NoThumbnailError", "make_thumbnail"]

LIMITS: Final = InputLimits()
_SIDE: Final = 160  # pixels
_QUALITY: Final = 80
_AT_ONCE: Final = threading.BoundedSemaphore(2)


class NoThumbnailError(NotFoundError):
    """The input is no picture, or none that can be shown."""

    code = "samples.no_thumbnail"


def make_thumbnail(payload: bytes, *, content_type: str | None, name: str) -> bytes:
    """A JPEG.

    Args:
        payload: the input's bytes.
        content_type: what its sender called it.
        name: of the sample, for an error.

    Raises:
        NoThumbnailError: it is no picture, is damaged, or larger than the limits allow.
    """
    with _AT_ONCE:
        try:
            opened = open_payload(payload, content_type=content_type, limits=LIMITS)
            if not isinstance(opened, Image):
                raise NoThumbnailError("picture of the sample", name)
            return _encoded(_small(opened))
        except InputError as error:
            raise NoThumbnailError("picture of the sample", name) from error


def _small(image: Image) -> Image:
    image.draft("RGB", (_SIDE, _SIDE))  # JPEG decodes to an eighth at no cost
    load_pixels(image)
    if image.mode.startswith("I"):  # 16-bit greys, which Pillow would clip, not scale
        image = fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
    shown = image if image.mode in ("RGB", "L") else image.convert("RGB")
    shown.thumbnail((_SIDE, _SIDE))
    return shown


def _encoded(image: Image) -> bytes:
    made = io.BytesIO()
    image.save(made, "JPEG", quality=_QUALITY)
    return made.getvalue()
