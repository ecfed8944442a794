"""The parts of a bundle, as its manifest lists them, and what of them a device lacks. Pure.

>>> old = [Layer("base", "sha256:1", 900), Layer("head", "sha256:2", 50)]
>>> to_download([Layer("base", "sha256:1", 900), Layer("head", "sha256:3", 60)], old)
60
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

from roost_shared.bundle.oci import FILEPATH_ANNOTATION

__all__ = ["Layer", "layers_of", "to_download"]


class Layer(NamedTuple):
    """A part.

    Attributes:
        says: what it is.
        digest: of its bytes.
        size_bytes: how many there are.
    """

    says: str
    digest: str
    size_bytes: int


def layers_of(manifest: str) -> list[Layer]:
    """The parts of a manifest that the registry has taken."""
    told = json.loads(manifest)
    return [Layer(_words(one), one["digest"], one["size"]) for one in (told["config"], *told["layers"])]


def to_download(layers: Iterable[Layer], there: Iterable[Layer]) -> int:
    """Bytes that are not there."""
    known = {layer.digest for layer in there}
    return sum(layer.size_bytes for layer in layers if layer.digest not in known)


def _words(part: dict[str, object]) -> str:
    """What a part is: by its file, or else by its media type."""
    notes = part.get("annotations")
    title = notes.get(FILEPATH_ANNOTATION) if isinstance(notes, dict) else None
    return str(title or part["mediaType"])
