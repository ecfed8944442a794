"""Labelled pictures: scikit-learn's handwritten digits, or a person's own folder.

An album is cut in two, once, by a seeded shuffle: some pictures the demo may fit its networks on, and others, never
seen by those networks, that it streams.
"""

import io
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from roost_shared.errors import ContentError

__all__ = ["Album", "AlbumError", "Picture", "digits_album", "folder_album"]

_SEED: Final = 7
_DIGITS_STREAMED: Final = 800  # of 1,797
_SUFFIXES: Final = {".bmp", ".jpeg", ".jpg", ".png", ".webp"}
_MOST: Final = 5_000  # pictures of a folder, as they are held in memory
_FEWEST: Final = 20  # enough to fit something on one half and stream the other


class AlbumError(ContentError):
    """A folder of pictures or a file of labels cannot be used."""

    code = "demo.album"


@dataclass(frozen=True)
class Picture:
    """A labelled picture as a sensor would send it.

    Attributes:
        payload: an encoded image.
        label: what it shows.
        number: its place among those to stream, whatever a lens has made of it; -1: it is none of them.
    """

    payload: bytes
    label: str
    number: int = -1


@dataclass(frozen=True)
class Album:
    """Pictures of one task.

    Attributes:
        task: name of the task they belong to.
        labels: the label space, in the order of the models' outputs.
        fitting: pictures that networks may be fitted on.
        streaming: pictures to stream; none of them is in `fitting`.
    """

    task: str
    labels: tuple[str, ...]
    fitting: tuple[Picture, ...]
    streaming: tuple[Picture, ...]


def digits_album() -> Album:
    """Scikit-learn's 1,797 handwritten digits, 8 by 8 pixels, as PNG."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - takes seconds to load

    digits = load_digits()
    pictures = [
        Picture(_png(pixels), str(target)) for pixels, target in zip(digits.images, digits.target, strict=True)
    ]
    return _cut(pictures, "digits", tuple("0123456789"), streamed=_DIGITS_STREAMED)


def folder_album(folder: Path, labels_file: Path, task: str) -> Album:
    """The pictures of `folder/<label>/*`, whose labels `labels_file` lists in the order of the model's outputs.

    Raises:
        AlbumError: there is no such folder or file, too few pictures, or a label the file does not list.
    """
    if not folder.is_dir():
        raise AlbumError(f"--images {folder}: no such folder")
    labels = _read_labels(labels_file)
    pictures = []
    for sub_folder in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(path for path in sub_folder.iterdir() if path.suffix.lower() in _SUFFIXES)
        if files and sub_folder.name not in labels:
            raise AlbumError(
                f"--images {folder}: its folder {sub_folder.name!r} is none of the labels in {labels_file}"
            )
        pictures += [(path, sub_folder.name) for path in files]
    if len(pictures) < _FEWEST:
        raise AlbumError(
            f"--images {folder}: {len(pictures)} pictures are too few, give at least {_FEWEST} as "
            f"{folder.name}/<label>/*, of {', '.join(sorted(_SUFFIXES))}"
        )
    random.Random(_SEED).shuffle(pictures)
    loaded = [Picture(path.read_bytes(), label) for path, label in pictures[:_MOST]]
    return _cut(loaded, task, labels, streamed=len(loaded) // 2)


def _read_labels(file: Path) -> tuple[str, ...]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AlbumError(f"--labels {file}: cannot be read as text ({error})") from error
    labels = tuple(line.strip() for line in text.splitlines() if line.strip())
    if len(set(labels)) != len(labels) or not labels:
        raise AlbumError(f"--labels {file}: give each label once, one a line, in the order of the model's outputs")
    return labels


def _cut(pictures: list[Picture], task: str, labels: tuple[str, ...], *, streamed: int) -> Album:
    shuffled = random.Random(_SEED).sample(pictures, len(pictures))
    streaming = tuple(replace(one, number=number) for number, one in enumerate(shuffled[:streamed]))
    return Album(task, labels, fitting=tuple(shuffled[streamed:]), streaming=streaming)


def _png(pixels: np.ndarray) -> bytes:
    """Grey levels 0…16 as a PNG."""
    file = io.BytesIO()
    Image.fromarray(np.rint(pixels * (255 / 16)).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()
