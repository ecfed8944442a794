"""Photos of meter digits in two worlds: families of meters that a model knows, and families that it does not."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roost_shared.bundle.manifest import ImagePayload, Preprocessing, TensorSpec
from roost_shared.limits import InputLimits
from roost_shared.payload import open_payload
from roost_shared.preprocess import Preprocessor
from scripts.roost_bench.meter_photos import Photo, read_photos

__all__ = ["LABELS", "PAYLOAD", "TENSOR", "Old", "World", "divide_old", "draw_new", "read_world"]

Places = NDArray[np.intp]

LABELS: Final = (*"0123456789", "NaN")
UNKNOWN: Final = frozenset({"waerme", "ht", "wassertemperatur-dec", "lcd", "roi-a"})
PAYLOAD: Final = ImagePayload(input="image", width=20, height=32, scale=(1 / 255,))
TENSOR: Final = TensorSpec(name="image", dtype="float32", shape=(1, 32, 20, 3))
_LEARNT: Final = 0.7  # of the known families: by the base
_HELD: Final = 0.1  # of them: the base's maker calibrates on these
_REFERENCE: Final = 300  # photos that travel with the base's bundle: those held, and of those learnt


@dataclass(frozen=True)
class World:
    """All photos.

    Attributes:
        photos: in a fixed order.
        pictures: (photos, channels, height, width), 0…1.
        truth: (photos,), the index of each one's label.
        is_new: (photos,), of a family that the bases do not know.
    """

    photos: tuple[Photo, ...]
    pictures: NDArray[np.float32]
    truth: NDArray[np.intp]
    is_new: NDArray[np.bool_]


@dataclass(frozen=True)
class Old:
    """The known families' photos, by place: what a base learns, what it is calibrated on, its reference, its test."""

    learnt: Places
    held: Places
    reference: Places
    test: Places


def read_world(data: Path) -> World:
    """Read and prepare them, as the bundles will say."""
    photos = tuple(read_photos(data))
    prepare = Preprocessor(Preprocessing(payload=PAYLOAD), (TENSOR,))
    rows = [prepare(open_payload(photo.payload, limits=InputLimits()), {})[0][0] for photo in photos]
    return World(
        photos=photos,
        pictures=np.ascontiguousarray(np.stack(rows).transpose(0, 3, 1, 2)),
        truth=np.array([LABELS.index(photo.label) for photo in photos], np.intp),
        is_new=np.array([photo.path.name.rsplit("_", 1)[0] in UNKNOWN for photo in photos], bool),
    )


def divide_old(world: World, seed: int) -> Old:
    """Divide the known families' photos at random: of what they show, parts may be much alike."""
    places = np.random.default_rng(seed).permutation(np.flatnonzero(~world.is_new))
    first, second = (int(share * len(places)) for share in (_LEARNT, _LEARNT + _HELD))
    learnt, held = places[:first], places[first:second]
    return Old(learnt, held, np.concatenate([held, learnt[: _REFERENCE - len(held)]]), places[second:])


def draw_new(world: World, split: int) -> Places:
    """The unknown families' photos in an order: the first of them are labelled, the rest are the test."""
    return np.random.default_rng(1000 + split).permutation(np.flatnonzero(world.is_new))
