"""φ of an image: eight statistics of the pixels the model sees, whatever scale it sees them in. Pure.

Stored values are turned back into pixels, 0…255, and colours into one grey; from there on all is done in whole
numbers, which float32 holds exactly, so that the result is the same on every machine. What comes out is a share: of
full brightness, or of the picture's width and height.

A picture of up to 4,096 pixels is measured whole, a larger one in up to 8 × 8 tiles of 8 × 8 pixels spread over it: at
full resolution, since a lens that loses its sharpness shows between neighbouring pixels and in no smaller copy.
"""

from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from roost_shared.bundle.manifest import ImagePayload, TensorSpec
from roost_shared.preprocess import is_channels_first

__all__ = ["ImagePhi"]

Floats = NDArray[np.float32]

_WHOLE_PIXELS: Final = 4096  # of a picture that is measured whole
_TILES: Final = 8  # along each side
_TILE_PIXELS: Final = 8  # of a tile's side
_WHITE: Final = 1020  # grey is four times a pixel's value
_GREYS: Final = np.arange(_WHITE + 1)
_SQUARES: Final = _GREYS**2
# Weights of three colours, the same in both orders, or of one.
_WEIGHTS: Final = {3: np.array([1, 2, 1], np.float32), 1: np.array([4], np.float32)}


class ImagePhi:
    """Measures pictures of one bundle.

    Args:
        spec: how a picture becomes the tensor.
        tensor: the one it becomes.
    """

    def __init__(self, spec: ImagePayload, tensor: TensorSpec) -> None:
        self._first = is_channels_first(tensor)
        self._shape = (-1, spec.height, spec.width) if self._first else (spec.height, spec.width, -1)
        self._scale, self._offset = _to_pixels(spec, tensor)
        self._is_pixels = bool((self._scale == 1).all() and (self._offset == 0).all())
        self._is_whole = spec.height * spec.width <= _WHOLE_PIXELS
        self._x = _Side(spec.width, is_whole=self._is_whole)
        self._y = _Side(spec.height, is_whole=self._is_whole)

    def measure(self, stored: NDArray[Any]) -> list[float]:
        """The statistics, in the order of `kinds.IMAGE`.

        Args:
            stored: the tensor as the model takes it.
        """
        x, y = self._x, self._y
        grey = self._grey(stored.reshape(self._shape))
        counts = np.bincount(grey.astype(np.intp).ravel(), minlength=_WHITE + 1)
        pixels, total = grey.size, int(counts @ _GREYS)
        mean = total / pixels
        deviation = max(int(counts @ _SQUARES) / pixels - mean * mean, 0.0) ** 0.5
        median, bright = np.searchsorted(counts.cumsum(), ((pixels + 1) // 2, (pixels * 9 + 9) // 10)).tolist()
        across, down = grey[:, 1:] - grey[:, :-1], grey[1:] - grey[:-1]
        bent_across, bent_down = across[:, 1:] - across[:, :-1], down[1:] - down[:-1]
        return [
            mean / _WHITE,
            deviation / _WHITE,
            median / _WHITE,
            bright / _WHITE,
            float((y.all.ones @ grey) @ x.at) / total if total else 0.5,
            float((grey @ x.all.ones) @ y.at) / total if total else 0.5,
            (_mean_size(y.all, across, x.steps) + _mean_size(y.steps, down, x.all)) / _WHITE,
            (_mean_size(y.all, bent_across, x.bends) + _mean_size(y.bends, bent_down, x.all)) / _WHITE,
        ]

    def _grey(self, stored: NDArray[Any]) -> Floats:
        """The pixels looked at, (rows, columns), four times their values."""
        if self._first:
            stored = stored.transpose(1, 2, 0)
        if not self._is_whole:
            stored = _tiles(stored, self._x, self._y)
        if not self._is_pixels:
            stored = np.rint(stored * self._scale + self._offset).clip(0, 255)
        pixels = stored.astype(np.float32).reshape(self._y.all.number, self._x.all.number, -1)
        grey: Floats = pixels @ _WEIGHTS[pixels.shape[2]]
        return grey


class _Places:
    """A choice of places: 1 for each that is chosen, else 0."""

    def __init__(self, chosen: NDArray[np.bool_]) -> None:
        self.ones = chosen.astype(np.float32)
        self.number = int(chosen.sum())


class _Side:
    """What is looked at along one side of a picture: tiles spread evenly, or all of it.

    Attributes:
        all: the places looked at.
        at: where each is, 0…1.
        steps: those that have their next neighbour in the same tile.
        bends: those that have the next two.
    """

    def __init__(self, pixels: int, *, is_whole: bool) -> None:
        self.tiles = 1 if is_whole else max(1, min(_TILES, pixels // _TILE_PIXELS))
        self.edge = pixels if is_whole else min(_TILE_PIXELS, pixels)
        self.pitch = pixels // self.tiles
        self.start = (pixels - self.pitch * self.tiles) // 2  # of the first tile's surroundings
        self.margin = (self.pitch - self.edge) // 2  # before a tile in its surroundings
        places = [tile * self.pitch + step for tile in range(self.tiles) for step in range(self.edge)]
        self.at = (2 * (np.array(places) + self.start + self.margin) + 1) / (2 * pixels)
        in_tile = np.arange(len(places)) % self.edge
        self.all = _Places(np.ones(len(places), np.bool_))
        self.steps = _Places(in_tile[:-1] < self.edge - 1)
        self.bends = _Places(in_tile[:-2] < self.edge - 2)


def _tiles(picture: NDArray[Any], x: _Side, y: _Side) -> NDArray[Any]:
    """A view of the tiles of a picture (height, width, channels): (tiles, edge, tiles, edge, channels)."""
    picture = picture[y.start : y.start + y.pitch * y.tiles, x.start : x.start + x.pitch * x.tiles]
    cells = picture.reshape(y.tiles, y.pitch, x.tiles, x.pitch, -1)
    return cells[:, y.margin : y.margin + y.edge, :, x.margin : x.margin + x.edge]


def _mean_size(rows: _Places, differences: Floats, columns: _Places) -> float:
    """Mean size of the differences in these rows and columns. Exact: sums stay below 2²⁴."""
    return float(rows.ones @ np.abs(differences) @ columns.ones) / (rows.number * columns.number or 1)


def _to_pixels(spec: ImagePayload, tensor: TensorSpec) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale and offset from stored values to pixels, one for each channel or one for all."""
    scale, offset = np.asarray(spec.scale, np.float64), np.asarray(spec.offset, np.float64)
    quantum, zero = (1.0, 0) if tensor.quantization is None else msgspec.structs.astuple(tensor.quantization)
    is_on = scale != 0  # a channel that is switched off is black
    safe = np.where(is_on, scale, 1.0)
    return np.where(is_on, quantum / safe, 0.0), np.where(is_on, (-zero * quantum - offset) / safe, 0.0)
