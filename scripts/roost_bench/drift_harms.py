"""What becomes of a camera: six kinds of harm, each mild, middle and severe."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from scipy import ndimage

from scripts.roost_bench.drift_pictures import Floats, Pictures

__all__ = ["HARMS", "SEVERITIES", "harmed"]

SEVERITIES: Final = ("mild", "middle", "severe")


def _dimmed(pictures: Floats, share: float, _random: np.random.Generator) -> Floats:
    return pictures * share


def _blurred(pictures: Floats, pixels: float, _random: np.random.Generator) -> Floats:
    blurred: Floats = ndimage.gaussian_filter(pictures, (0, pixels, pixels))
    return blurred


def _noisy(pictures: Floats, deviation: float, random: np.random.Generator) -> Floats:
    return pictures + random.normal(0, deviation, pictures.shape)


def _turned(pictures: Floats, degrees: float, _random: np.random.Generator) -> Floats:
    turned: Floats = ndimage.rotate(pictures, degrees, axes=(1, 2), reshape=False, order=1, mode="nearest")
    return turned


def _moved(pictures: Floats, pixels: float, _random: np.random.Generator) -> Floats:
    moved: Floats = ndimage.shift(pictures, (0, 0, pixels), order=1, mode="nearest")
    return moved


def _milky(pictures: Floats, share: float, _random: np.random.Generator) -> Floats:
    return pictures * (1 - share) + 255 * share


# The amounts are those of 8 × 8 pixels; lengths grow with the picture.
HARMS: Final[Mapping[str, tuple[Callable[[Floats, float, np.random.Generator], Floats], tuple[float, ...], bool]]] = {
    "dimmed": (_dimmed, (0.9, 0.75, 0.5), False),  # to this share of the light
    "blurred": (_blurred, (0.4, 0.6, 1.0), True),  # Gaussian, σ in pixels
    "noisy": (_noisy, (8.0, 20.0, 45.0), False),  # σ of 255
    "turned": (_turned, (8.0, 15.0, 30.0), False),  # degrees
    "moved": (_moved, (0.25, 0.5, 1.0), True),  # pixels to the side
    "milky": (_milky, (0.05, 0.15, 0.4), False),  # a veil: this share of white
}


def harmed(pictures: Pictures, harm: str, severity: int, random: np.random.Generator) -> Pictures:
    """The pictures as the harmed camera would have taken them.

    Args:
        pictures: as taken.
        harm: of `HARMS`.
        severity: 0…2.
        random: for harm that is.
    """
    change, amounts, is_length = HARMS[harm]
    amount = amounts[severity] * (pictures.shape[2] / 8 if is_length else 1)
    changed = change(pictures.astype(np.float64), amount, random)
    taken: Pictures = np.rint(changed.clip(0, 255)).astype(np.uint8)
    return taken
