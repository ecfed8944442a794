"""Files that appear whole or not at all: what the `file://` store does to a disk, and what a disk may answer."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from roost_cloud.objects.errors import SizeMismatchError, StoreFailedError, StoreFullError
from roost_shared.durable import fsync_folder
from roost_shared.errors import RoostError

__all__ = ["StagedFile", "disk_faults"]

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def disk_faults(gone: RoostError | None = None) -> Iterator[None]:
    """Raise the operating system's errors as the store's.

    Args:
        gone: what to raise where a file or folder is not there, if that has a meaning of its own.

    Raises:
        StoreFullError: no room, or a quota or limit on file sizes.
        StoreFailedError: anything else.
    """
    try:
        yield
    except OSError as error:
        if gone is not None and isinstance(error, FileNotFoundError | NotADirectoryError):
            raise gone from error
        kind = StoreFullError if error.errno in _FULL else StoreFailedError
        raise kind(f"the object store's disk: {error.strerror or error}") from error


class StagedFile:
    """A file under way to its place: nobody sees it there before `commit`, and all of it after.

    Use it in a `with`: on the way out, what was not committed is removed. Not safe for two threads at a time.

    Args:
        folder: where it grows, on the same file system as `target`.
        target: its place, in a folder that is there; what is there is replaced.
        size_bytes: how large it must become.
        gone: what to raise if the target's folder has vanished meanwhile.
    """

    def __init__(self, folder: Path, target: Path, size_bytes: int, gone: RoostError | None = None) -> None:
        self._target = target
        self._gone = gone
        self._size_bytes = size_bytes
        self._written_bytes = 0
        self._path: Path | None
        with disk_faults():
            self._descriptor, name = tempfile.mkstemp(dir=folder)
            self._path = Path(name)

    def write(self, data: bytes | bytearray) -> None:
        """Append `data`.

        Raises:
            SizeMismatchError: it becomes larger than announced.
            StoreFullError: no room.
        """
        self._count(len(data))
        view = memoryview(data)
        with disk_faults():
            while view:
                view = view[os.write(self._descriptor, view) :]

    def append_file(self, path: Path) -> None:
        """Append another file's bytes, copied by the kernel.

        Raises:
            OSError: the other file cannot be opened.
            SizeMismatchError, StoreFullError: as `write`.
        """
        with path.open("rb") as part:
            left_bytes = os.fstat(part.fileno()).st_size
            self._count(left_bytes)
            with disk_faults():
                while left_bytes:
                    left_bytes -= os.sendfile(self._descriptor, part.fileno(), None, left_bytes)

    def commit(self) -> None:
        """Put it in its place, durably.

        Raises:
            SizeMismatchError: it is smaller than announced.
            StoreFullError, StoreFailedError: the disk refused; the place is as it was.
        """
        if self._written_bytes != self._size_bytes:
            raise SizeMismatchError(self._size_bytes, self._written_bytes)
        if self._path is None:
            raise ValueError("it was committed or discarded before")
        with disk_faults():
            os.fsync(self._descriptor)
        with disk_faults(self._gone):
            self._path.replace(self._target)
        self._release()
        with disk_faults(self._gone):
            fsync_folder(self._target.parent)

    def discard(self) -> None:
        """Remove it, unless it was committed."""
        if self._path is not None:
            with suppress(OSError):  # a sweep removes what cannot be removed now
                self._path.unlink()
            self._release()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Discard what was not committed."""
        self.discard()

    def _count(self, more_bytes: int) -> None:
        self._written_bytes += more_bytes
        if self._written_bytes > self._size_bytes:
            raise SizeMismatchError(self._size_bytes, self._written_bytes)

    def _release(self) -> None:
        self._path = None
        os.close(self._descriptor)
