"""The few things that segments ask of a disk, so that a test may refuse them one at a time."""

import os
from collections.abc import Sequence
from pathlib import Path

from roost_edge.spool.punch import punch_hole
from roost_shared.durable import fsync_folder

__all__ = ["Disk"]

_BUFFERS = 512  # for one call; IOV_MAX is 1024


class Disk:
    """The real one. Every method may raise OSError."""

    def create(self, path: Path) -> int:
        """A new file, its name durable; its descriptor."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fsync_folder(path.parent)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def write(self, descriptor: int, pieces: Sequence[bytes | memoryview], offset: int) -> None:
        """Write all of `pieces` from `offset` on."""
        rest = [memoryview(piece) for piece in pieces if len(piece)]
        while rest:
            written = os.pwritev(descriptor, rest[:_BUFFERS], offset)
            offset += written
            while rest and written >= len(rest[0]):
                written -= len(rest.pop(0))
            if written:
                rest[0] = rest[0][written:]

    def sync(self, descriptor: int) -> None:
        """Return when what was written is durable."""
        os.fdatasync(descriptor)

    def cut(self, descriptor: int, size_bytes: int) -> None:
        """Let the file end there."""
        os.ftruncate(descriptor, size_bytes)

    def punch(self, descriptor: int, offset: int, size_bytes: int) -> bool:
        """Free these blocks; False where the file system cannot."""
        return punch_hole(descriptor, offset, size_bytes)

    def remove(self, path: Path) -> None:
        """Remove the file, if it is there."""
        path.unlink(missing_ok=True)

    def free_bytes(self, folder: Path) -> int:
        """What an ordinary user may still write there."""
        state = os.statvfs(folder)
        return state.f_bavail * state.f_frsize
