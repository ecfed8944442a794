"""Durable writes: after `write_durably` returns, a power cut leaves the old bytes or the new, never a mixture.

Temporary file in the same folder, fsync, replace, fsync the folder (DESIGN.md, section 5).
"""

import os
import tempfile
from pathlib import Path

__all__ = ["fsync_folder", "make_folders", "write_durably"]


def write_durably(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace `path` by a file holding `data`, atomically and durably.

    Raises:
        OSError: the disk refused; `path` is as it was before.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folders(folder: Path, *, mode: int = 0o777) -> None:
    """Make `folder` and those above it, durably: a file's name is only as durable as its folders' names.

    Args:
        folder: nothing happens if it is there.
        mode: of `folder` itself, before the process's mask; those above get the usual.

    Raises:
        OSError: it cannot be made.
    """
    if folder.is_dir():
        return
    make_folders(folder.parent)
    folder.mkdir(mode=mode, exist_ok=True)
    fsync_folder(folder.parent)
