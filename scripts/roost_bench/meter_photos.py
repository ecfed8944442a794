"""The photos of meter digits, as they were taken and made harder to read."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

__all__ = ["HARDER", "Photo", "as_taken", "read_photos"]


class Photo(NamedTuple):
    """A photo and what it shows."""

    path: Path
    label: str
    payload: bytes


def read_photos(data: Path) -> list[Photo]:
    """All photos of the folder of real data, in a fixed order that mixes labels."""
    paths = sorted((data / "meter-digits").glob("*/*"), key=lambda path: (path.name, path.parent.name))
    return [Photo(path, path.parent.name, path.read_bytes()) for path in paths]


def as_taken(image: Image.Image) -> bytes:
    """No change but the encoding."""
    encoded = io.BytesIO()
    image.save(encoded, "PNG")
    return encoded.getvalue()


def _blurred(image: Image.Image) -> bytes:
    return as_taken(image.filter(ImageFilter.GaussianBlur(1.25)))


def _dimmed(image: Image.Image) -> bytes:
    return as_taken(ImageEnhance.Brightness(image).enhance(0.55))


def _noisy(image: Image.Image) -> bytes:
    pixels = np.asarray(image)
    noise = np.random.default_rng(pixels.astype(np.int64).sum()).normal(0, 40, pixels.shape)
    return as_taken(Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8)))


HARDER: Final[Mapping[str, Callable[[Image.Image], bytes]]] = {
    "blurred": _blurred,  # a lens out of focus: Gaussian, σ 1.25 pixels
    "dimmed": _dimmed,  # a lamp that fails: 55 % of the light
    "noisy": _noisy,  # a dark shaft: σ 40 of 255
}
