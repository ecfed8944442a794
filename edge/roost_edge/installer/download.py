"""One blob into the store, through cuts: what arrived stays, and all of it is hashed before it counts.

How much is taken is known beforehand, from the signed manifest. A server that gives more, less, or other bytes is told
from a link that was cut: the one is counted and soon given up, the other is tried for as long as it takes.
"""

import os
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from roost_edge.installer.bundle_cloud import BundleCloud
from roost_edge.installer.errors import LyingServerError, SlowDownloadError, StoreUnwritableError
from roost_edge.installer.store import BundleStore
from roost_edge.uplink.errors import CloudUnreachableError
from roost_edge.uplink.ranged_answer import RangedAnswer
from roost_edge.upload.token_bucket import TokenBucket
from roost_shared.clock import SECOND, Clock

__all__ = ["Downloads"]

_SYNC_BYTES: Final = 8 << 20  # that a power cut may cost
_WINDOW_NS: Final = 30 * SECOND  # of waiting for bytes
_SLOWEST_BYTES: Final = 30 << 10  # in that time


class Downloads:
    """The way of blobs from the cloud to the store.

    Args:
        cloud: where from.
        store: where to.
        bucket: how fast.
        clock: what time is measured by.
        wait: waits so many seconds; raises what it likes to where nobody wants the blob any more.
        moved: told of bytes as they come, as many as they are; below 0 where they have to come again.
    """

    def __init__(
        self,
        cloud: BundleCloud,
        store: BundleStore,
        *,
        bucket: TokenBucket,
        clock: Clock,
        wait: Callable[[float], None],
        moved: Callable[[int], None],
    ) -> None:
        self._cloud = cloud
        self._store = store
        self._bucket = bucket
        self._clock = clock
        self._wait = wait
        self._moved = moved

    def bring(self, digest: str, size_bytes: int) -> None:
        """Fetch a blob, or the rest of it. May be called again after any failure.

        Raises:
            LyingServerError: what comes is not the blob.
            SlowDownloadError: it comes too slowly.
            TransportError: as `BundleCloud` does.
            StoreUnwritableError: the disk refused.
        """
        resumed = self._fetch(digest, size_bytes)
        if self._store.adopt(digest):
            return
        self._moved(-size_bytes)
        if resumed:  # what lay here before may have been at fault, such as after a power cut
            self._fetch(digest, size_bytes)
            if self._store.adopt(digest):
                return
            self._moved(-size_bytes)
        raise LyingServerError(f"the cloud gives other bytes than {digest}; nothing of them was kept")

    def _fetch(self, digest: str, size_bytes: int) -> bool:
        """Bring the partial file to its full size; whether some of it was there before."""
        partial = self._store.partial(digest)
        try:
            with partial.open("ab") as file:
                if file.tell() > size_bytes:
                    file.truncate(0)
                offset = file.seek(0, os.SEEK_END)
                try:
                    if offset < size_bytes:
                        self._go_on(file, digest, offset, size_bytes)
                finally:
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:
            raise StoreUnwritableError(f"{partial}: {error.strerror or error}") from error
        return offset > 0

    def _go_on(self, file: BinaryIO, digest: str, offset: int, size_bytes: int) -> None:
        place = self._cloud.blob(digest)
        if place.size_bytes != size_bytes:
            raise LyingServerError(f"the cloud has {place.size_bytes} bytes of {digest}, not {size_bytes}")
        with self._cloud.get(place, offset) as answer:
            if answer.size_bytes not in (None, size_bytes):
                raise LyingServerError(f"{answer.size_bytes} bytes come of {digest}, not {size_bytes}")
            if answer.offset not in (0, offset):
                raise LyingServerError(f"bytes from {answer.offset} on come of {digest}, not from {offset} on")
            if answer.offset != offset:  # no part, but the whole
                file.truncate(0)
                self._moved(-offset)
                offset = 0
            self._write(file, digest, answer, size_bytes - offset)

    def _write(self, file: BinaryIO, digest: str, answer: RangedAnswer, left_bytes: int) -> None:
        unsynced_bytes = 0
        for piece in self._paced(answer, digest):
            if len(piece) > left_bytes:
                raise LyingServerError(f"more bytes come of {digest} than it has")
            file.write(piece)
            left_bytes -= len(piece)
            unsynced_bytes += len(piece)
            self._moved(len(piece))
            if unsynced_bytes >= _SYNC_BYTES:
                file.flush()
                os.fsync(file.fileno())
                unsynced_bytes = 0
        if left_bytes:
            raise CloudUnreachableError(f"{digest}: the bytes end {left_bytes} too early")

    def _paced(self, answer: RangedAnswer, digest: str) -> Iterator[bytes]:
        """What comes, no faster than it may; what comes too slowly ends here."""
        waited_ns = got_bytes = 0
        asked_ns = self._clock.now_ns()
        for piece in answer.pieces(self._bucket.chunk_bytes):
            now_ns = self._clock.now_ns()
            waited_ns += now_ns - asked_ns
            got_bytes += len(piece)
            if waited_ns >= _WINDOW_NS:
                if got_bytes < _SLOWEST_BYTES:
                    raise SlowDownloadError(f"{digest}: {got_bytes} bytes came in {waited_ns // SECOND} s")
                waited_ns = got_bytes = 0
            yield piece
            self._wait(self._bucket.take(len(piece), now_ns) / SECOND)
            asked_ns = self._clock.now_ns()
