"""The test part of a snapshot, as the gate gets it: a folder that no trainer ever sees.

{folder}/judged.json        JudgedSet
{folder}/inputs/{sha256}    inputs, byte for byte as their devices received them
"""

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from roost_cloud.datasets.snapshot import World

__all__ = ["JUDGED_SCHEMA_VERSION", "JudgedExample", "JudgedSet", "judged_of"]

JUDGED_SCHEMA_VERSION: Final = 1


class JudgedExample(msgspec.Struct, frozen=True, kw_only=True):
    """An input to judge by.

    Attributes:
        key: names it: the snapshot's `sample`.
        sha256: hex, of its bytes, by which it lies in `inputs/`.
        media_type: of its bytes.
        label: what it shows, by people or by the reference set.
        weight: of how many inputs like it this one is the survivor.
        device: that it came from; empty: not known.
        world: `new`: since the world changed; `old`: what the incumbent is good at.
    """

    key: str
    sha256: Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    media_type: str
    label: str
    weight: Annotated[float, Meta(gt=0)] = 1.0
    device: str = ""
    world: World


class JudgedSet(msgspec.Struct, frozen=True, kw_only=True):
    """What a candidate is judged by.

    Attributes:
        snapshot: digest of the snapshot that it is of.
        task: whose inputs they are.
        incumbent: the manifest's digest of the bundle that the candidate is to be better than.
        labels: the label space, the incumbent's first, in order.
        split: as the snapshot says it.
        examples: in the snapshot's order; none of their bytes is among those that the trainer got.
    """

    schema_version: int = JUDGED_SCHEMA_VERSION
    snapshot: str
    task: str
    incumbent: str
    labels: tuple[str, ...]
    split: Literal["device", "time"]
    examples: tuple[JudgedExample, ...]


def judged_of(folder: Path) -> Path:
    """Where the document lies."""
    return folder / "judged.json"
