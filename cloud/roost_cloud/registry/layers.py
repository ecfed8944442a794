"""The parts of a bundle, as its manifest lists them. Pure.

>>> manifest = {"config": {"mediaType": "application/json", "digest": "sha256:1", "size": 90}, "layers": []}
>>> layers_of(json.dumps(manifest))
[Layer(what='application/json', digest='sha256:1', size_bytes=90)]
"""

import json
from typing import NamedTuple

from roost_shared.bundle.oci import FILEPATH_ANNOTATION

__all__ = ["Layer", "layers_of"]


class Layer(NamedTuple):
    """A part.

    Attributes:
        what: it is: by its file, or else by its media type.
        digest: of its bytes.
        size_bytes: how many there are.
    """

    what: str
    digest: str
    size_bytes: int


def layers_of(manifest: str) -> list[Layer]:
    """The parts of a manifest that the registry has taken."""
    told = json.loads(manifest)
    return [Layer(_words(one), one["digest"], one["size"]) for one in (told["config"], *told["layers"])]


def _words(part: dict[str, object]) -> str:
    notes = part.get("annotations")
    title = notes.get(FILEPATH_ANNOTATION) if isinstance(notes, dict) else None
    return str(title or part["mediaType"])
