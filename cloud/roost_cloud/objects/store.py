"""The contract of an object store: `file://` and `s3://` keep it alike, and one test suite shows it.

An object appears whole or not at all, and durably. Of two writers of one key the last to finish wins.
Bytes of devices and of people's machines do not pass through our code: they go to and come from signed URLs.

    upload = store.begin_upload("acme/uploads/42", size_bytes)
    urls = [store.part_url(upload, part.number, expires_s=3600) for part in plan_parts(size_bytes)]
    ...                                   # somebody PUTs each part's bytes, in any order, as often as needed
    store.complete_upload(upload)         # or abort_upload; the upload's three fields are all there is to remember
    store.move("acme/uploads/42", "acme/blobs/sha256/…")

Every method raises `BadKeyError` for keys that are none (`keys.py`), `StoreUnavailableError` when the store cannot be
reached, `StoreFullError` when it has no room, and `StoreFailedError` when it refuses. All are safe to call from any
thread, and block: not for an event loop.
"""

from collections.abc import Iterator
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

import msgspec

from roost_cloud.objects.parts import StoredPart

__all__ = ["ByteSource", "ObjectInfo", "ObjectReader", "ObjectStore", "Upload"]


class ObjectInfo(msgspec.Struct, frozen=True):
    """What is known of an object without reading it."""

    key: str
    size_bytes: int
    modified_at: datetime
    """UTC, by the store's clock."""


class Upload(msgspec.Struct, frozen=True):
    """A multipart upload under way. It can be rebuilt from its fields: `Upload(key, size_bytes, id)`."""

    key: str
    size_bytes: int
    """Of the whole object; `parts.plan_parts` says how it is cut."""
    id: str
    """The store's own, opaque, at most 1,024 characters."""


class ByteSource(Protocol):
    """Anything with a `read` as a binary file's."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


class ObjectReader(Protocol):
    """An object, or a range of it, being read. Close it, or use it in a `with`."""

    @property
    def info(self) -> ObjectInfo:
        """Of the whole object, also when only a range is read."""
        ...

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, all that are left if negative; none at the end.

        Raises:
            StoreUnavailableError: the connection broke.
        """
        ...

    def close(self) -> None:
        """Let go of the file or connection."""
        ...

    def __enter__(self) -> Self:
        """The reader itself."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        ...


class ObjectStore(Protocol):
    """Objects by key."""

    def put(self, key: str, data: bytes) -> None:
        """Store `data`, in place of what was there."""
        ...

    def put_stream(self, key: str, source: ByteSource, size_bytes: int) -> None:
        """Store what `source` gives, a part in memory at a time at most.

        Raises:
            SizeMismatchError: it gave more or fewer than `size_bytes`; what was there before stays.
            TooLargeError: `size_bytes` is above `MAX_OBJECT_BYTES`.
        """
        ...

    def open(self, key: str, *, offset: int = 0, length_bytes: int | None = None) -> ObjectReader:
        """Read an object from `offset`: `length_bytes` of it, or fewer where it ends, or all the rest.

        Raises:
            ObjectNotFoundError: there is none.
            UnsatisfiableRangeError: `offset` is above 0 and at or behind the object's end.
        """
        ...

    def head(self, key: str) -> ObjectInfo:
        """What is known of an object.

        Raises:
            ObjectNotFoundError: there is none.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens if there is none."""
        ...

    def list_objects(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        """Objects below `prefix` in order of their keys, fetched by pages as they are asked for.

        Args:
            prefix: `{tenant}/` or more whole levels, with a slash at its end.
            after: begin behind this key.
        """
        ...

    def move(self, source: str, target: str) -> None:
        """Make `source` be `target`, in place of what was there; both are of one tenant.

        If we die in between, both may exist: move again. S3 copies on its side.

        Raises:
            ObjectNotFoundError: there is no `source`.
        """
        ...

    def begin_upload(self, key: str, size_bytes: int) -> Upload:
        """Begin a multipart upload of an object of `size_bytes`.

        Raises:
            TooLargeError: it is above `MAX_OBJECT_BYTES`.
        """
        ...

    def part_url(self, upload: Upload, number: int, *, expires_s: int) -> str:
        """A URL to PUT that part's bytes to, exactly as many as planned, with a Content-Length; 200 says it is stored.

        A part sent again replaces itself. Whether the upload exists is not asked.

        Raises:
            BadPartError: the upload has no such part.
        """
        ...

    def list_parts(self, upload: Upload) -> list[StoredPart]:
        """The parts that arrived, ascending.

        Raises:
            UploadNotFoundError: it was completed or aborted, or never begun.
        """
        ...

    def complete_upload(self, upload: Upload) -> None:
        """Make an object of the parts; they are gone after that, and so is the upload.

        Of several at once one does it, and the others find no upload: whatever any of them finds at the key after
        that, this upload will never replace.

        If we die in between, the upload or the object is there, or both: on `UploadNotFoundError`, ask `head`.

        Raises:
            MissingPartsError: not all are there; the upload goes on.
            UploadNotFoundError: as `list_parts`.
        """
        ...

    def abort_upload(self, upload: Upload) -> None:
        """Forget an upload and its parts; nothing happens if there is none."""
        ...

    def sweep(self, *, before: datetime) -> int:
        """Abort uploads begun before that time, by the store's clock, and remove what crashes left behind.

        Returns:
            How many uploads they were.
        """
        ...

    def put_url(self, key: str, size_bytes: int, *, expires_s: int) -> str:
        """A URL to PUT one small object to, exactly `size_bytes`, with a Content-Length.

        Raises:
            TooLargeError: it needs more than one part; begin an upload.
        """
        ...

    def get_url(self, key: str, *, expires_s: int) -> str:
        """A URL to GET the object from; Range is honoured. Whether the object exists is not asked."""
        ...
