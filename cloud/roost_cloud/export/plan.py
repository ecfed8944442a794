"""Which samples an export holds, and in which pieces: written down before any is fetched.

The list in the cloud grows while an export runs. An interrupted export goes on by its plan, so the pieces that are
there already are those it would make again.

    {folder}/.export/plan.jsonl   a sample a line
    {folder}/.export/plan.json    what was asked for, and how much it is; there once the plan is whole
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec

from roost_cloud.export.errors import DamagedPlanError, OtherExportError
from roost_shared.durable import make_folders, write_durably
from roost_shared.messages import UNREADABLE

__all__ = ["PIECE_BYTES", "PIECE_SAMPLES", "Entry", "Format", "Plan", "make_plan", "pieces_of"]

PIECE_SAMPLES: Final = 1000
PIECE_BYTES: Final = 256 << 20
Format = Literal["folder", "webdataset"]

_Kind = TypeVar("_Kind")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A sample with an input."""

    device: str
    sample: str
    media_type: str
    size_bytes: int
    sha256: str


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    format: Format
    query: dict[str, str]
    samples: int
    size_bytes: int


class Plan:
    """A plan that is whole."""

    def __init__(self, folder: Path, head: _Head) -> None:
        self.samples = head.samples
        self.size_bytes = head.size_bytes
        self._file = folder / "plan.jsonl"

    def pieces(self) -> Iterator[list[Entry]]:
        """Its samples, a piece at a time.

        Raises:
            DamagedPlanError: a line of it cannot be read.
        """
        with self._file.open("rb") as lines:
            yield from pieces_of(_read(self._file, line, Entry) for line in lines)


def pieces_of(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Cut into pieces of at most `PIECE_SAMPLES`, that end with the sample that brings them to `PIECE_BYTES`."""
    piece: list[Entry] = []
    size_bytes = 0
    for entry in entries:
        piece.append(entry)
        size_bytes += entry.size_bytes
        if len(piece) == PIECE_SAMPLES or size_bytes >= PIECE_BYTES:
            yield piece
            piece, size_bytes = [], 0
    if piece:
        yield piece


def make_plan(folder: Path, kind: Format, query: dict[str, str], entries: Iterable[Entry]) -> Plan:
    """The plan in a folder, or a new one of `entries`.

    Args:
        folder: where plans are kept.
        kind: the export's format.
        query: what was asked for.
        entries: what the cloud has of it now; read only if there is no plan.

    Raises:
        OtherExportError: the plan that is there is of another export.
        DamagedPlanError: the plan that is there cannot be read.
        OSError: the disk refused.
    """
    file = folder / "plan.json"
    if file.exists():
        head = _read(file, file.read_bytes(), _Head)
        if (head.format, head.query) != (kind, query):
            raise OtherExportError(
                f"{folder.parent} holds an unfinished export of other samples: {head.format}, {_said(head.query)}; "
                "finish that one, or choose another folder"
            )
        return Plan(folder, head)
    make_folders(folder)
    samples, size_bytes = 0, 0
    with (folder / "plan.jsonl").open("wb") as lines:
        for entry in entries:
            lines.write(msgspec.json.encode(entry) + b"\n")
            samples, size_bytes = samples + 1, size_bytes + entry.size_bytes
        lines.flush()
        os.fsync(lines.fileno())
    head = _Head(format=kind, query=query, samples=samples, size_bytes=size_bytes)
    write_durably(file, msgspec.json.encode(head))
    return Plan(folder, head)


def _read(file: Path, data: bytes, kind: type[_Kind]) -> _Kind:
    try:
        return msgspec.json.decode(data, type=kind)
    except UNREADABLE as error:
        raise DamagedPlanError(f"{file} is damaged: {error}; remove {file.parent} to begin anew") from error


def _said(query: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in query.items()) or "all"
