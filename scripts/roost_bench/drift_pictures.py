"""Pictures for the drift bench, and their φ, many at a time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from roost_shared.bundle.manifest import ImagePayload, TensorSpec
from roost_shared.phi.image import ImagePhi

__all__ = ["Floats", "Pictures", "digits", "families", "phi_of"]

Pictures = NDArray[np.uint8]  # (pictures, height, width)
Floats = NDArray[np.float64]

_METER: Final = (20, 32)  # pixels, width and height, as the meters' models take them
_CHECKED: Final = 20  # pictures whose φ is measured by the device's code too


def digits() -> Pictures:
    """Scikit-learn's handwritten digits, 1,797 of 8 × 8 pixels."""
    images: Floats = load_digits().images
    return np.rint(images * 255 / 16).astype(np.uint8)


def families(data: Path) -> Mapping[str, Pictures]:
    """Photos of meter digits by the family of meters they come from."""
    found: dict[str, list[Any]] = {}
    for path in sorted((data / "meter-digits").glob("*/*")):
        with Image.open(path) as photo:
            found.setdefault(path.stem.rpartition("_")[0], []).append(np.asarray(photo.convert("L").resize(_METER)))
    return {name: np.stack(photos) for name, photos in sorted(found.items())}


def phi_of(pictures: Pictures) -> Floats:
    """What `ImagePhi` measures of each picture, (pictures, 8), at once; a few are compared with the device's code.

    Raises:
        ValueError: it does not measure what the device does.
    """
    grey = pictures.astype(np.float64)
    count, height, width = grey.shape
    flat = np.sort(grey.reshape(count, -1), axis=1)
    pixels = height * width
    total = np.maximum(flat.sum(axis=1), 1e-12)
    across, down = np.diff(grey, axis=2), np.diff(grey, axis=1)
    measured = np.stack(
        [
            flat.mean(axis=1) / 255,
            flat.std(axis=1) / 255,
            flat[:, (pixels + 1) // 2 - 1] / 255,
            flat[:, (pixels * 9 + 9) // 10 - 1] / 255,
            grey.sum(axis=1) @ ((2 * np.arange(width) + 1) / (2 * width)) / total,
            grey.sum(axis=2) @ ((2 * np.arange(height) + 1) / (2 * height)) / total,
            (_size(across) + _size(down)) / 255,
            (_size(np.diff(across, axis=2)) + _size(np.diff(down, axis=1))) / 255,
        ],
        axis=1,
    )
    tensor = TensorSpec(name="x", dtype="uint8", shape=(1, height, width, 1))
    device = ImagePhi(ImagePayload(input="x", width=width, height=height, colour="L"), tensor)
    for picture, values in zip(pictures[:_CHECKED], measured, strict=False):
        if picture.any() and not np.allclose(device.measure(picture), values, rtol=1e-9):
            raise ValueError(f"the device measures {device.measure(picture)}, the bench {values.tolist()}")
    return measured


def _size(differences: Floats) -> Floats:
    sizes: Floats = np.abs(differences).mean(axis=(1, 2))
    return sizes
