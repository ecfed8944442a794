"""What a device's models say of digits, and what it measures of them, under every light there is in a day.

Scored once by the very pipeline a device runs, and drawn from afterwards: a simulated week holds more inputs than
could be scored one by one.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from PIL import Image

from roost_shared.bundle import open_bundle
from roost_shared.bundle.build import build_bundle
from roost_shared.bundle.spec import BuildSpec
from roost_shared.limits import InputLimits
from roost_shared.phi.vector import PhiVector
from roost_shared.pipeline import Pipeline
from roost_shared.rendezvous import Score, Seen
from scripts.roost_demo.networks import Recipe, fit_network, image_payload
from scripts.roost_demo.pictures import digits_album

__all__ = ["CONTESTANTS", "LIGHTS", "ScoredPictures"]

LIGHTS: Final = np.linspace(0.45, 1.0, 23)  # of full light; a device's is the nearest of these
CONTESTANTS: Final = {"primary": Recipe(samples=500, hidden=64), "baseline": Recipe(samples=100, hidden=12)}
_SIDE: Final = 8  # pixels
_PICTURES: Final = 500  # that no network was fitted on
_ELAPSED_NS: Final = 1_000_000


@dataclass(frozen=True)
class _Look:
    """One picture in one light: φ, and what each contestant says of it, the primary first."""

    phi: PhiVector
    seen: tuple[Seen, ...]


class ScoredPictures:
    """All pictures in all lights.

    Args:
        folder: an empty one, for bundles.

    Attributes:
        labels: that can be said.
        bundles: what each contestant runs, as answers name it.
    """

    def __init__(self, folder: Path) -> None:
        album = digits_album()
        self.labels = frozenset(album.labels)
        self.bundles: dict[str, str] = {}
        pipelines: dict[str, Pipeline] = {}
        for version, (name, recipe) in enumerate(CONTESTANTS.items(), 1):
            network = fit_network(album.fitting, album.labels, _SIDE, recipe)
            built = build_bundle(
                network.whole(),
                folder / name,
                name="digits",
                version=str(version),
                labels=album.labels,
                spec=BuildSpec(document={"preprocessing": {"payload": msgspec.to_builtins(image_payload(_SIDE))}}),
            ).bundle
            self.bundles[name] = built.reference
            pipelines[name] = Pipeline.load(open_bundle(built.folder))
        self._looks = [
            [self._look(_in_light(one.payload, light), pipelines) for one in album.streaming[:_PICTURES]]
            for light in LIGHTS
        ]

    def draw(self, light: float, count: int, random: np.random.Generator) -> Sequence[_Look]:
        """So many inputs in the light nearest to `light`."""
        looks = self._looks[int(np.abs(LIGHTS - light).argmin())]
        return [looks[place] for place in random.integers(len(looks), size=count)]

    def _look(self, payload: bytes, pipelines: dict[str, Pipeline]) -> _Look:
        base = pipelines["primary"].base
        prepared = base.prepare(payload, limits=InputLimits())
        chosen = base.choose_phi()
        if chosen is None:
            raise ValueError("nothing of a digit is measured")
        phi = PhiVector(chosen.kind.number, chosen.source, chosen.of(prepared, base.run(prepared)))
        return _Look(phi, tuple(self._seen(name, payload, each) for name, each in pipelines.items()))

    def _seen(self, contestant: str, payload: bytes, pipeline: Pipeline) -> Seen:
        prepared = pipeline.base.prepare(payload, limits=InputLimits())
        scored = pipeline.head.score(pipeline.base.run(prepared))
        score = Score(contestant, scored.label, scored.confidence, tuple(scored.top), bundle=self.bundles[contestant])
        return Seen(contestant, _ELAPSED_NS, score)


def _in_light(payload: bytes, light: float) -> bytes:
    with Image.open(io.BytesIO(payload)) as picture:
        dimmed = picture.point(lambda value: value * light)
    file = io.BytesIO()
    dimmed.save(file, "PNG")
    return file.getvalue()
