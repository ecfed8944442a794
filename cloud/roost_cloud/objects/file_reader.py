"""A range of a file being read."""

from types import TracebackType
from typing import BinaryIO, Self

from roost_cloud.objects.disk import disk_faults
from roost_cloud.objects.store import ObjectInfo

__all__ = ["FileReader"]


class FileReader:
    """An `ObjectReader` of bytes `start` to `stop` of an open file, which it closes.

    Raises:
        StoreFailedError: the disk cannot be read; also from `read`.
    """

    def __init__(self, file: BinaryIO, info: ObjectInfo, start: int, stop: int) -> None:
        self.info = info
        self._file = file
        self._left_bytes = stop - start
        with disk_faults():
            file.seek(start)

    def read(self, size: int = -1, /) -> bytes:
        """See `ObjectReader.read`."""
        wanted_bytes = self._left_bytes if size < 0 else min(size, self._left_bytes)
        with disk_faults():
            data = self._file.read(wanted_bytes)
        self._left_bytes -= len(data)
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        """The reader itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()
