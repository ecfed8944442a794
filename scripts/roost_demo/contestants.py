"""The models that take part: a good primary, an older backup, an older baseline, each as a bundle.

For the digits all three are small networks fitted here. With a person's own model, that model is the primary, and
the two others are fitted on a share of the person's own pictures.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from roost_shared.bundle import Bundle
from roost_shared.bundle.build import build_bundle
from roost_shared.bundle.examples import Example
from roost_shared.bundle.spec import BuildSpec
from roost_shared.rendezvous import Role
from scripts.roost_demo.networks import Recipe, fit_network, image_payload
from scripts.roost_demo.pictures import Album, Picture

__all__ = ["Contestant", "build_contestants"]

_PRIMARY: Final = Recipe(samples=10_000, hidden=64)  # all there are
_BACKUP: Final = Recipe(samples=120, hidden=12)
_BASELINE: Final = Recipe(samples=60, hidden=12)
_OWN_BACKUP: Final = Recipe(samples=10_000, hidden=64)
_OWN_BASELINE: Final = Recipe(samples=300, hidden=32)
_DIGIT_SIDE: Final = 8  # pixels, as scikit-learn's digits come
_OWN_SIDE: Final = 12  # pixels
_EXAMPLES: Final = 200  # pictures on which a bundle's accuracy is measured


@dataclass(frozen=True)
class Contestant:
    """A model taking part.

    Attributes:
        name: as the rules name it.
        role: `answer` or `baseline`.
        bundle: what it runs.
    """

    name: str
    role: Role
    bundle: Bundle

    @property
    def accuracy(self) -> float | None:
        """Its share of right labels on pictures it was not fitted on, as its bundle says."""
        evaluation = self.bundle.config.evaluation
        return evaluation.accuracy if evaluation else None


def build_contestants(album: Album, folder: Path, own_model: bytes | None) -> list[Contestant]:
    """Fit the networks and build the bundles in `folder`.

    Raises:
        RoostError: the person's model cannot be run, or does not fit the labels; or a picture is none.
    """
    # The networks were not fitted on the streamed pictures, and the person's model on who knows what.
    examples = _write_examples(album.streaming[:_EXAMPLES], folder / "examples")
    smith = _Smith(album, folder, examples)
    with _standard_error_into(folder / "build.log"):
        bundles = _build(smith, own_model)
    roles: tuple[tuple[str, Role], ...] = (("primary", "answer"), ("backup", "answer"), ("baseline", "baseline"))
    return [Contestant(name, role, bundle) for (name, role), bundle in zip(roles, bundles, strict=True)]


def _build(smith: "_Smith", own_model: bytes | None) -> tuple[Bundle, Bundle, Bundle]:
    """The bundles of primary, backup and baseline."""
    if own_model is None:
        return (
            smith.network("3", _DIGIT_SIDE, _PRIMARY),
            smith.network("2", _DIGIT_SIDE, _BACKUP),
            smith.network("1", _DIGIT_SIDE, _BASELINE),
        )
    return (
        smith.bundle("3", own_model, None),
        smith.network("2", _OWN_SIDE, _OWN_BACKUP),
        smith.network("1", _OWN_SIDE, _OWN_BASELINE),
    )


class _Smith:
    """Builds bundles of one album's task."""

    def __init__(self, album: Album, folder: Path, examples: Sequence[Example]) -> None:
        self._album = album
        self._folder = folder
        self._examples = examples

    def network(self, version: str, side: int, recipe: Recipe) -> Bundle:
        model = fit_network(self._album.fitting, self._album.labels, side, recipe)
        payload = msgspec.to_builtins(image_payload(side))
        return self.bundle(version, model, BuildSpec(document={"preprocessing": {"payload": payload}}))

    def bundle(self, version: str, model: bytes, spec: BuildSpec | None) -> Bundle:
        return build_bundle(
            {"model": model},
            self._folder / f"{self._album.task}-{version}",
            name=self._album.task,
            version=version,
            labels=self._album.labels,
            spec=spec,
            examples=self._examples,
            dataset="pictures held out",
        ).bundle


def _write_examples(pictures: Sequence[Picture], folder: Path) -> list[Example]:
    folder.mkdir()
    examples = []
    for number, picture in enumerate(pictures):
        path = folder / f"{number:04}"
        path.write_bytes(picture.payload)
        examples.append(Example(picture.label, path))
    return examples


@contextmanager
def _standard_error_into(file: Path) -> Iterator[None]:
    """Keep from the screen what LiteRT says on descriptor 2, past Python, whenever it is first used."""
    before = os.dup(2)
    try:
        with file.open("wb") as log:
            os.dup2(log.fileno(), 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
