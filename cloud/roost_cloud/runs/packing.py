"""Folders of a job as one file, to go where it is worked on and back: a plain tar of files and folders, no more."""

import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO, Final

from roost_cloud.runs.executor import ExecutorError

__all__ = ["PACKED_BYTES", "pack", "unpack"]

PACKED_BYTES: Final = 4 << 30  # unpacked; what comes back from elsewhere is not believed
_FILES: Final = 1_000_000


def pack(folder: Path, names: Iterable[str], out: IO[bytes]) -> None:
    """Write those of `names` in `folder` that are there, the same bytes for the same files.

    Raises:
        OSError: the disk refused.
    """
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(names):
            if (folder / name).exists():
                tar.add(folder / name, name, filter=_plain)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if not (member.isfile() or member.isdir()):
        return None
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() else 0o644
    return member


def unpack(data: IO[bytes], folder: Path, names: Iterable[str] | None, *, limit_bytes: int = PACKED_BYTES) -> None:
    """Put what was packed into `folder`, if it is what `names` allow (None: whatever they are) and not too much.

    Raises:
        ExecutorError: it is something else, or too much; part of it may be there.
        OSError: the disk refused.
    """
    allowed = None if names is None else frozenset(names)
    left_bytes = limit_bytes
    try:
        with tarfile.open(fileobj=data, mode="r:") as tar:
            for number, member in enumerate(tar):
                left_bytes -= member.size
                if left_bytes < 0 or number >= _FILES:
                    raise ExecutorError(f"what came back is more than {limit_bytes} bytes or {_FILES} files")
                _put(tar, member, folder, allowed)
    except tarfile.TarError as error:
        raise ExecutorError(f"what came back cannot be read: {error}") from error


def _put(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, allowed: frozenset[str] | None) -> None:
    path = PurePosixPath(member.name)
    is_inside = path.parts and not path.is_absolute() and ".." not in path.parts
    if not is_inside or (allowed is not None and path.parts[0] not in allowed):
        raise ExecutorError(f"what came back has {member.name[:200]!r} in it, which nobody asked for")
    target = folder / path
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    source = tar.extractfile(member) if member.isfile() else None
    if source is None:
        raise ExecutorError(f"what came back has {member.name[:200]!r} in it, which is no file")
    target.parent.mkdir(parents=True, exist_ok=True)
    with source, target.open("wb") as file:
        while chunk := source.read(1 << 20):
            file.write(chunk)
