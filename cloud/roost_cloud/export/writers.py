"""A piece of an export on the disk: files and lines, or a tar. Each is whole when it has its name.

A tar holds `{device}/{sample}.{kind}` and `{device}/{sample}.json` for each sample, in the plan's order, and nothing
of when or where it was made: the same piece is the same tar.
"""

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from roost_cloud.export.plan import Entry
from roost_cloud.export.source import Fetched, name_of
from roost_shared.durable import fsync_folder, make_folders

__all__ = ["file_of", "holds_input", "join_lines", "keep_input", "write_lines", "write_tar"]

_MTIME: Final = 315532800  # 1980-01-01 in UTC: plain tar finds nothing earlier plausible


def file_of(out: Path, entry: Entry) -> Path:
    """Where a folder has an input."""
    return out / "inputs" / entry.device / name_of(entry)


def holds_input(file: Path, entry: Entry) -> bool:
    """Whether an input is there, with its own bytes."""
    try:
        if file.stat().st_size != entry.size_bytes:
            return False
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == entry.sha256
    except FileNotFoundError:
        return False


def keep_input(file: Path, payload: bytes) -> None:
    """Write an input."""
    make_folders(file.parent)
    _write_whole(file, lambda part: part.write(payload))


def write_lines(file: Path, documents: Iterable[dict[str, Any]]) -> None:
    """Write documents, one a line."""
    _write_whole(file, lambda part: part.writelines(msgspec.json.encode(document) + b"\n" for document in documents))


def join_lines(file: Path, parts: Iterable[Path]) -> None:
    """Make one file of several, in order."""
    _write_whole(file, lambda whole: whole.writelines(part.read_bytes() for part in parts))


def write_tar(file: Path, samples: Iterable[Fetched]) -> None:
    """Write a tar."""

    def write(part: io.BufferedWriter) -> None:
        with tarfile.open(fileobj=part, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for entry, document, payload in samples:
                _add(tar, f"{entry.device}/{name_of(entry)}", payload)
                _add(tar, f"{entry.device}/{entry.sample}.json", msgspec.json.encode(document))

    _write_whole(file, write)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mtime = len(data), _MTIME
    tar.addfile(member, io.BytesIO(data))


def _write_whole(file: Path, write: Callable[[io.BufferedWriter], object]) -> None:
    """Write a file under another name, and give it its own once all of it is on the disk.

    What a kill leaves behind under the other name is overwritten when the same file is made again.
    """
    part = file.with_name(f".{file.name}.part")
    with part.open("wb") as opened:
        write(opened)
        opened.flush()
        os.fsync(opened.fileno())
    part.replace(file)
    fsync_folder(file.parent)
