"""A dataset snapshot: an immutable list of labelled inputs, named by the digest of its own bytes.

A label that changes, or a sample that expires, changes no snapshot. Who made it and when is the row's to say, so that
the same choice of the same labels has the same digest.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

__all__ = [
    "SNAPSHOT_SCHEMA_VERSION",
    "Part",
    "Snapshot",
    "SnapshotItem",
    "World",
    "encode_snapshot",
]

SNAPSHOT_SCHEMA_VERSION: Final = 1

World = Literal["new", "old"]
Part = Literal["train", "validation", "test"]


class SnapshotItem(msgspec.Struct, frozen=True, kw_only=True):
    """An input of a snapshot.

    Attributes:
        sample: `{device}/{sample}`, or `@reference/{key}` of the incumbent's reference set (no device is called so).
        sha256: hex, of the input's bytes.
        media_type: of the input.
        size_bytes: of the input.
        label: what it shows; None: nobody said.
        source: of the label: `person`, `teacher`, `reference`; empty without one.
        weight: of how many inputs like it this one stands for: the inverse of the probability with which it was kept,
            evened out where it was drawn by that.
        device: that it came from; empty: not known.
        world: `new`: since the world changed; `old`: what the incumbent is good at.
        part: what it is for, as the snapshot's `split` says.
    """

    sample: str
    sha256: Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    media_type: str
    size_bytes: Annotated[int, Meta(ge=0)]
    label: str | None
    source: Literal["person", "teacher", "reference", ""] = ""
    weight: Annotated[float, Meta(gt=0)] = 1.0
    device: str = ""
    world: World
    part: Part


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The document; its items are in the order of `sample`.

    Attributes:
        task: whose inputs they are.
        labels: the incumbent's label space, in order, then labels that are new.
        incumbent: the manifest's digest of the bundle whose reference set it holds.
        split: `device`: all new inputs of a device are in one part; `time`: there were too few devices for that, so
            each device's are cut in stretches of time, and near-duplicates may leak. All with the same bytes are in
            one part either way.
        items: the inputs.
    """

    schema_version: int = SNAPSHOT_SCHEMA_VERSION
    task: str
    labels: tuple[str, ...]
    incumbent: str
    split: Literal["device", "time"]
    items: tuple[SnapshotItem, ...]


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """A snapshot's bytes, the same on every machine."""
    return msgspec.json.encode(snapshot, order="deterministic")
