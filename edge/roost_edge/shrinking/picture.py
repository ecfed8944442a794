"""A payload to a smaller picture that the model cannot tell from it. Loads Pillow: not for the agent's own process."""

import io

import numpy as np
from PIL import Image

from roost_shared.bundle.manifest import ImagePayload
from roost_shared.errors import InputError
from roost_shared.fitting import fit_picture
from roost_shared.limits import InputLimits
from roost_shared.payload import UnknownTypeError, open_payload
from roost_shared.questions import InputSize

__all__ = ["NothingGainedError", "shrink"]


class NothingGainedError(InputError):
    """Shrunken, the picture would be no smaller."""

    code = "shrink.nothing_gained"


def shrink(payload: bytes | memoryview, size: InputSize, limits: InputLimits) -> bytes:
    """The picture in `size`, as the scorer's preprocessing makes it of `payload`, as PNG, smaller than `payload`.

    Args:
        payload: as it came in.
        size: as a score told it.
        limits: how large the payload may be.

    Raises:
        InputError: it is no picture, or beyond the limits, or there is nothing to gain.
    """
    image = open_payload(payload, limits=limits)
    if not isinstance(image, Image.Image):
        raise UnknownTypeError("the payload is no picture")
    width, height = image.size
    if size.width * size.height > width * height:
        raise NothingGainedError(f"{width}×{height} pixels are fewer than {size.width}×{size.height}")
    spec = ImagePayload(
        input="", width=size.width, height=size.height, colour=size.colour, fit="stretch", resample=size.resample
    )
    # By way of the bare pixels: profiles and comments of the original stay here.
    pixels = Image.fromarray(np.asarray(fit_picture(image, spec)))
    encoded = io.BytesIO()
    pixels.save(encoded, "PNG")
    if encoded.tell() >= len(payload):
        raise NothingGainedError(f"{encoded.tell()} bytes, the original has {len(payload)}")
    return encoded.getvalue()
