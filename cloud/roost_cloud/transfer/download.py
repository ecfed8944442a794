"""One blob into one file, through cuts: what arrived stays in a `.part` file, and is hashed anew before going on."""

import os
from pathlib import Path
from typing import Final

from roost_cloud.client import ApiUnreachableError, RemoteError
from roost_cloud.transfer.progress import Progress
from roost_cloud.transfer.registry import Registry
from roost_cloud.transfer.signed_urls import UNSATISFIABLE, get_from
from roost_shared.bundle import AlteredBlobError
from roost_shared.digest import digest_of_stream

__all__ = ["Download", "holds"]

_WORTH_BYTES: Final = 1 << 20  # a link that brings as much between two cuts gets there


def holds(path: Path, digest: str) -> bool:
    """Whether a file is there and its bytes have that digest."""
    try:
        with path.open("rb") as file:
            return digest_of_stream(file) == digest
    except FileNotFoundError:
        return False


class Download:
    """A blob on its way to `target`.

    Args:
        registry: where it is.
        digest: of the blob.
        size_bytes: of the blob.
        target: the file to make; `{target}.part` while it is not whole.
        progress: told of every chunk.
    """

    def __init__(self, registry: Registry, digest: str, size_bytes: int, target: Path, progress: Progress) -> None:
        self._registry = registry
        self._digest = digest
        self._size_bytes = size_bytes
        self._target = target
        self._part = target.with_name(f"{target.name}.part")
        self._progress = progress
        self.received_bytes = 0

    def run(self) -> None:
        """Fetch it. May be called again after any failure.

        Raises:
            AlteredBlobError: the bytes that come are not those the digest promises.
            RemoteError, ApiUnreachableError: as the registry's methods.
            OSError: the disk refused.
        """
        resumed = self._part.exists()
        if resumed and self._part.stat().st_size <= self._size_bytes:
            self._progress.moved(self._part.stat().st_size)
        if not self._fetch() and not (resumed and self._fetch()):  # what lay here before may have been at fault
            raise AlteredBlobError(self._target, f"the cloud gives other bytes than {self._digest}; nothing was kept")
        self._part.replace(self._target)

    def _fetch(self) -> bool:
        """Bring the part file to its full size; False, and it is gone, if its bytes are others."""
        while True:
            before_bytes = self.received_bytes
            try:
                self._registry.patience(self._go_on)
                break
            except ApiUnreachableError:
                if self.received_bytes - before_bytes < _WORTH_BYTES:
                    raise
            except RemoteError as error:
                if error.status != UNSATISFIABLE:
                    raise
                break  # what is kept there is shorter than the blob
        if holds(self._part, self._digest):
            return True
        self._progress.moved(-self._part.stat().st_size)
        self._part.unlink()
        return False

    def _go_on(self) -> None:
        with self._part.open("ab") as file:
            if file.tell() > self._size_bytes:
                file.truncate(0)
            offset = file.seek(0, os.SEEK_END)
            if offset < self._size_bytes:
                url = self._registry.blob_url(self._digest)
                for chunk in get_from(self._registry.pool, url, offset, self._size_bytes):
                    file.write(chunk)
                    self.received_bytes += len(chunk)
                    self._progress.moved(len(chunk))
            file.flush()
            os.fsync(file.fileno())
