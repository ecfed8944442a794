"""The models that take part: a good primary, an older backup, an older baseline, each as a bundle.

For the digits all are small networks fitted here, and two more take part: a shadow, which is the primary's own base
under a head refitted on more pictures, and in the cloud a larger network, fitted on all there are. With a person's own
model, that model is the primary, and the two others are fitted on a share of the person's own pictures.

Three more are built that may follow the primary: a better one, one that will be tampered with, and one that is slow.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from roost_shared.bundle import Bundle
from roost_shared.bundle.build import build_bundle
from roost_shared.bundle.examples import Example
from roost_shared.bundle.manifest import StageName
from roost_shared.bundle.reference import ReferenceSample
from roost_shared.bundle.reference_making import gather_reference
from roost_shared.bundle.spec import BuildSpec
from roost_shared.rendezvous import Role
from scripts.roost_demo.networks import Recipe, fit_network, image_payload, refit_head
from scripts.roost_demo.pictures import Album, Picture
from scripts.roost_demo.slow_network import fastest_ms, write_slow_network

__all__ = ["Cast", "Contestant", "Successors", "build_cast"]

_PRIMARY: Final = Recipe(samples=200, hidden=64)  # its shadow's head is refitted on all there are
_BACKUP: Final = Recipe(samples=100, hidden=12)
_BASELINE: Final = Recipe(samples=60, hidden=12)
_CLOUD: Final = Recipe(samples=10_000, hidden=256, penalty=0.05)
_OWN_BACKUP: Final = Recipe(samples=10_000, hidden=64)
_OWN_BASELINE: Final = Recipe(samples=300, hidden=32)
_FREER: Final = 1.0  # than the shadow is the head of the primary's successor
_TAMPERED: Final = Recipe(samples=10_000, hidden=32)
_DIGIT_SIDE: Final = 8  # pixels, as scikit-learn's digits come
_OWN_SIDE: Final = 12  # pixels
_FEWEST_KNOWN: Final = 100  # pictures that tell something of a successor
_EXAMPLES: Final = 200  # pictures on which a bundle's accuracy is measured


@dataclass(frozen=True)
class Contestant:
    """A model taking part.

    Attributes:
        name: as the rules name it.
        role: `answer`, `baseline` or `shadow`.
        bundle: what it runs.
        where: on the devices, or in the cloud.
    """

    name: str
    role: Role
    bundle: Bundle
    where: Literal["local", "cloud"] = "local"

    @property
    def accuracy(self) -> float | None:
        """Its share of right labels on pictures it was not fitted on, as its bundle says."""
        evaluation = self.bundle.config.evaluation
        return evaluation.accuracy if evaluation else None


class Successors(NamedTuple):
    """Bundles that may take the primary's place."""

    better: Bundle
    tampered: Bundle  # is altered after it was signed
    slow: Bundle
    slow_ms: float  # that a score of it takes here at least


class Cast(NamedTuple):
    """Who takes part from the start, and who comes later."""

    contestants: list[Contestant]
    successors: Successors


def build_cast(album: Album, folder: Path, own_model: bytes | None) -> Cast:
    """Fit the networks and build the bundles in `folder`.

    Raises:
        RoostError: the person's model cannot be run, or does not fit the labels; or a picture is none.
    """
    # The networks were not fitted on the streamed pictures, and the person's model on who knows what.
    examples = _write_examples(album.streaming[:_EXAMPLES], folder / "examples")
    smith = _Smith(album, folder, examples)
    with _standard_error_into(folder / "build.log"):
        return _digits_cast(smith, album) if own_model is None else _own_cast(smith, album, own_model)


def _digits_cast(smith: "_Smith", album: Album) -> Cast:
    primary = fit_network(album.fitting, album.labels, _DIGIT_SIDE, _PRIMARY)
    shadow = refit_head(primary, album.fitting, album.labels)
    backup = fit_network(album.fitting, album.labels, _DIGIT_SIDE, _BACKUP)
    baseline = fit_network(album.fitting, album.labels, _DIGIT_SIDE, _BASELINE)
    cloud = fit_network(album.fitting, album.labels, _DIGIT_SIDE, _CLOUD)
    better = refit_head(primary, album.fitting, album.labels, freedom=_FREER)
    known = smith.reference(album.fitting[_PRIMARY.samples :])
    contestants = [
        Contestant("primary", "answer", smith.network("3", primary.halves(), _DIGIT_SIDE, reference=known)),
        Contestant("backup", "answer", smith.network("2", backup.whole(), _DIGIT_SIDE)),
        Contestant("baseline", "baseline", smith.network("1", baseline.whole(), _DIGIT_SIDE)),
        Contestant("shadow", "shadow", smith.network("4", shadow.halves(), _DIGIT_SIDE)),
        Contestant("cloud", "answer", smith.network("5", cloud.whole(), _DIGIT_SIDE), where="cloud"),
    ]
    return Cast(contestants, _successors(smith, album, smith.network("6", better.halves(), _DIGIT_SIDE), _DIGIT_SIDE))


def _own_cast(smith: "_Smith", album: Album, own_model: bytes) -> Cast:
    backup = fit_network(album.fitting, album.labels, _OWN_SIDE, _OWN_BACKUP)
    baseline = fit_network(album.fitting, album.labels, _OWN_SIDE, _OWN_BASELINE)
    contestants = [
        Contestant("primary", "answer", smith.bundle("3", {"model": own_model}, None)),
        Contestant("backup", "answer", smith.network("2", backup.whole(), _OWN_SIDE)),
        Contestant("baseline", "baseline", smith.network("1", baseline.whole(), _OWN_SIDE)),
    ]
    # Nobody here can better a person's own model: its successor is the same model in a bundle of a newer version.
    return Cast(contestants, _successors(smith, album, smith.bundle("6", {"model": own_model}, None), _OWN_SIDE))


def _successors(smith: "_Smith", album: Album, better: Bundle, side: int) -> Successors:
    tampered = fit_network(album.fitting, album.labels, side, _TAMPERED)
    slow = write_slow_network(side, len(album.labels))
    return Successors(
        better,
        tampered=smith.network("7", tampered.whole(), side),
        slow=smith.network("8", {"model": slow}, side, measured=False),
        slow_ms=fastest_ms(slow),
    )


class _Smith:
    """Builds bundles of one album's task."""

    def __init__(self, album: Album, folder: Path, examples: Sequence[Example]) -> None:
        self._album = album
        self._folder = folder
        self._examples = examples

    def reference(self, pictures: Sequence[Picture]) -> list[ReferenceSample]:
        """What successors may not forget: as `roost bundle build --reference` takes it. Of too few, nothing."""
        if len(pictures) < _FEWEST_KNOWN:
            return []
        folder = self._folder / "reference"
        for number, picture in enumerate(pictures):
            path = folder / picture.label / f"{number:04}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture.payload)
        return gather_reference(folder, self._album.labels)

    def network(
        self,
        version: str,
        models: Mapping[StageName, bytes],
        side: int,
        *,
        measured: bool = True,
        reference: Sequence[ReferenceSample] = (),
    ) -> Bundle:
        payload = msgspec.to_builtins(image_payload(side))
        spec = BuildSpec(document={"preprocessing": {"payload": payload}})
        return self.bundle(version, models, spec, measured=measured, reference=reference)

    def bundle(
        self,
        version: str,
        models: Mapping[StageName, bytes],
        spec: BuildSpec | None,
        *,
        measured: bool = True,
        reference: Sequence[ReferenceSample] = (),
    ) -> Bundle:
        return build_bundle(
            models,
            self._folder / f"{self._album.task}-{version}",
            name=self._album.task,
            version=version,
            labels=self._album.labels,
            spec=spec,
            examples=self._examples if measured else (),
            dataset="pictures held out",
            reference=reference,
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
