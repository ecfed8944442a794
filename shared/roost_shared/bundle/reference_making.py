"""A reference set made of what a person has: a folder `DIR/<label>/*`, or a WebDataset's tar.

Which inputs are for training and which for judging is settled here, once for all successors: half of each label, by
the inputs' digests, so that the same inputs part the same way whatever they are called. Where it is known which device
each came from, whole devices are parted, as two pictures by one camera can be as good as one.
"""

import hashlib
import tarfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final, NamedTuple, get_args

import msgspec
from msgspec import Meta

from roost_shared.bundle.examples import read_examples
from roost_shared.bundle.reference import (
    MAX_INPUT_BYTES,
    MAX_SAMPLES,
    ReferencePart,
    ReferenceSample,
    ReferenceSetError,
)
from roost_shared.messages import UNREADABLE
from roost_shared.shards.media import Suffix, suffix_of

__all__ = ["gather_reference"]

_LEAST_DEVICES: Final = 4  # of fewer, one part might hold none that looks like the other's
_MAX_JSON_BYTES: Final = 1 << 20


class _Input(NamedTuple):
    where: str  # for errors
    payload: bytes
    label: str
    weight: float = 1.0
    device: str = ""
    part: ReferencePart | None = None


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of an input in a WebDataset.

    Attributes:
        truth: what it shows, in an export of labelled samples.
        label: the same; in an export of samples, what it was answered with.
        contestant: who answered so, in an export of samples.
        weight: of how many inputs like it this one is the survivor.
        device: that it came from.
        part: what it is for, if that was settled before.
    """

    truth: str | None = None
    label: str | None = None
    contestant: str | None = None
    weight: Annotated[float, Meta(gt=0)] = 1.0
    device: str = ""
    part: ReferencePart | None = None


def gather_reference(source: Path, labels: Sequence[str]) -> list[ReferenceSample]:
    """The reference set that a folder or tar is.

    Args:
        source: `DIR/<label>/*`, or a tar with `{key}.{kind}` and `{key}.json` for each input. Of the JSON are taken:
            `truth` or else `label`, `weight`, `device`, `part`.
        labels: the bundle's.

    Raises:
        ExamplesError: the folder holds none, or a subfolder is called like no label.
        ReferenceSetError: the tar is none, or an input in it says no label of the bundle's, or is said two of.
        OSError: the disk failed.
    """
    given = _from_folder(source, labels) if source.is_dir() else _from_tar(source)
    inputs: dict[str, _Input] = {}
    for one in given:
        if one.label not in labels:
            raise ReferenceSetError(f"{one.where}: no label of the bundle's is called {one.label!r}")
        known = inputs.setdefault(hashlib.sha256(one.payload).hexdigest(), one)
        if known.label != one.label:
            raise ReferenceSetError(f"{one.where}: is {one.label!r}, and {known.where}, the same, is {known.label!r}")
    if len(inputs) < 2:  # noqa: PLR2004 - one to learn, one to be judged by
        raise ReferenceSetError(f"{source}: holds {len(inputs)} different inputs; a reference set needs at least two")
    parts = _parts(inputs)
    return [
        ReferenceSample(sha256, suffix_of(one.payload, None), one.payload, one.label, one.weight, one.device, part)
        for (sha256, one), part in zip(inputs.items(), parts, strict=True)
    ]


def _parts(inputs: dict[str, _Input]) -> list[ReferencePart]:
    """A part for each input, in order: its own if it says one, else by devices or digests."""
    devices = {one.device for one in inputs.values()}
    by_device = "" not in devices and len(devices) >= _LEAST_DEVICES
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for sha256, one in inputs.items():
        groups["" if by_device else one.label].add(_unit(sha256, one, by_device=by_device))
    numbers = {unit: number for units in groups.values() for number, unit in enumerate(sorted(units))}
    halves: tuple[ReferencePart, ReferencePart] = ("test", "train")
    return [one.part or halves[numbers[_unit(sha256, one, by_device=by_device)] % 2] for sha256, one in inputs.items()]


def _unit(sha256: str, one: _Input, *, by_device: bool) -> str:
    """What is parted as one: an input, or a device, by a hash so that its place in the alphabet is no matter."""
    return hashlib.sha256(one.device.encode()).hexdigest() if by_device else sha256


def _from_folder(folder: Path, labels: Sequence[str]) -> Iterator[_Input]:
    for example in read_examples(folder, labels):
        if example.path.stat().st_size > MAX_INPUT_BYTES:
            raise ReferenceSetError(f"{example.path}: is larger than {MAX_INPUT_BYTES} bytes")
        yield _Input(str(example.path), example.path.read_bytes(), example.label)


def _from_tar(path: Path) -> Iterator[_Input]:
    payloads: dict[str, bytes] = {}
    documents: dict[str, bytes] = {}
    for name, data in _files(path):
        folder, slash, file = name.rpartition("/")
        key, _, suffix = file.partition(".")  # as WebDataset does
        if suffix == "json":
            documents[f"{folder}{slash}{key}"] = data
        elif suffix in get_args(Suffix):
            payloads[f"{folder}{slash}{key}"] = data
    for key, payload in payloads.items():
        where = f"{path}: {key}"
        if key not in documents:
            raise ReferenceSetError(f"{where}: has no JSON beside it that says its label")
        yield _labelled(where, payload, documents[key])


def _labelled(where: str, payload: bytes, data: bytes) -> _Input:
    try:
        said = msgspec.json.decode(data.decode(), type=_Document)
    except UNREADABLE as error:
        raise ReferenceSetError(f"{where}.json: {error}") from error
    if said.truth is None and said.contestant is not None:
        raise ReferenceSetError(f"{where}: says what it was answered with, and not what it shows: label it first")
    label = said.truth if said.truth is not None else said.label
    if label is None:
        raise ReferenceSetError(f"{where}.json: says no label")
    return _Input(where, payload, label, said.weight, said.device, said.part)


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    """The plain files in a tar, within limits; nothing is unpacked to the disk."""
    try:
        with tarfile.open(path, mode="r:") as tar:
            for number, member in enumerate(tar):
                limit = _MAX_JSON_BYTES if member.name.endswith(".json") else MAX_INPUT_BYTES  # also of JSON inputs
                if number > 3 * MAX_SAMPLES or member.size > limit:
                    raise ReferenceSetError(f"{path}: {member.name[:100]!r} is too large, or one too many")
                if not member.isreg() or member.issparse():
                    continue
                file = tar.extractfile(member)
                if file is not None:
                    yield member.name, file.read()
    except (tarfile.TarError, ValueError, RecursionError) as error:
        raise ReferenceSetError(f"{path}: is no tar of labelled inputs: {error}") from error
