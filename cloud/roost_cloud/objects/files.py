"""The `file://` store: objects as files under one folder, for one machine.

    {root}/{tenant}/{kind}/…    an object is the file of its key
    {root}/.staging/…           what is under way (`file_uploads.py`)

Several processes may use one folder. No key may lie below another, as a folder is no file. Completing an upload
copies its parts within the kernel, so for that while the disk holds them twice. Its signed URLs are served by
`roost_cloud.api.objects`, which calls `check`, `open_file` and `receive`.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from roost_cloud.objects.disk import StagedFile, disk_faults
from roost_cloud.objects.errors import (
    BadKeyError,
    MissingPartsError,
    ObjectNotFoundError,
    TooLargeError,
    UploadNotFoundError,
)
from roost_cloud.objects.file_reader import FileReader
from roost_cloud.objects.file_uploads import FileUploads
from roost_cloud.objects.keys import check_key, check_prefix, check_same_tenant
from roost_cloud.objects.parts import PART_BYTES, StoredPart, count_parts, missing_parts, part_of
from roost_cloud.objects.ranges import clip_range
from roost_cloud.objects.signing import Grant, UrlSigner
from roost_cloud.objects.store import ByteSource, ObjectInfo, Upload
from roost_shared.clock import Clock, SystemClock
from roost_shared.durable import fsync_folder, make_folders

__all__ = ["FileStore"]

_CHUNK_BYTES: Final = 1 << 20


class FileStore:
    """An `ObjectStore` in a folder.

    Args:
        root: the folder; made if it is not there.
        secret: signs URLs; at least 32 random bytes, the same in every process on this folder.
        public_url: where clients reach the API that serves the signed URLs.
        clock: its wall time decides when URLs expire; default the machine's own.

    Raises:
        StoreFullError, StoreFailedError: the folder cannot be made.
        ValueError: the secret is too short.
    """

    def __init__(self, root: Path, *, secret: bytes, public_url: str, clock: Clock | None = None) -> None:
        self._root = root.absolute()
        self._signer = UrlSigner(secret, public_url)
        self._clock = clock or SystemClock()
        self._uploads = FileUploads(self._root / ".staging")

    def put(self, key: str, data: bytes) -> None:
        """See `ObjectStore.put`."""
        with self._stage(key, len(data)) as staged:
            staged.write(data)
            staged.commit()

    def put_stream(self, key: str, source: ByteSource, size_bytes: int) -> None:
        """See `ObjectStore.put_stream`."""
        count_parts(size_bytes)  # no store takes what another would not
        with self._stage(key, size_bytes) as staged:
            while data := source.read(_CHUNK_BYTES):
                staged.write(data)
            staged.commit()

    def open(self, key: str, *, offset: int = 0, length_bytes: int | None = None) -> FileReader:
        """See `ObjectStore.open`."""
        file, info = self.open_file(key)
        try:
            start, stop = clip_range(offset, length_bytes, info.size_bytes)
            return FileReader(file, info, start, stop)
        except BaseException:
            file.close()
            raise

    def open_file(self, key: str) -> tuple[BinaryIO, ObjectInfo]:
        """An object's file and what is known of that very file, also when the object is replaced meanwhile.

        Raises:
            ObjectNotFoundError: there is none.
        """
        path = self._path(key)
        with disk_faults(gone=ObjectNotFoundError(key)):
            if not path.is_file():
                raise ObjectNotFoundError(key)
            file = path.open("rb", buffering=0)
        return file, _info(key, os.fstat(file.fileno()))

    def head(self, key: str) -> ObjectInfo:
        """See `ObjectStore.head`."""
        file, info = self.open_file(key)
        file.close()
        return info

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        path = self._path(key)
        with suppress(ObjectNotFoundError), disk_faults(gone=ObjectNotFoundError(key)):
            if path.is_file():
                path.unlink()
                fsync_folder(path.parent)

    def list_objects(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        """See `ObjectStore.list_objects`."""
        return self._walk(check_prefix(prefix), after)

    def move(self, source: str, target: str) -> None:
        """See `ObjectStore.move`."""
        check_same_tenant(source, target)
        path = self._path(source)
        self.head(source)
        place = self._place(target)
        with disk_faults(gone=ObjectNotFoundError(source)):
            path.replace(place)
            fsync_folder(place.parent)
            fsync_folder(path.parent)

    def begin_upload(self, key: str, size_bytes: int) -> Upload:
        """See `ObjectStore.begin_upload`."""
        count_parts(size_bytes)
        return self._uploads.begin(check_key(key), size_bytes)

    def part_url(self, upload: Upload, number: int, *, expires_s: int) -> str:
        """See `ObjectStore.part_url`."""
        part = part_of(upload.size_bytes, number)
        return self._signer.url(
            Grant("PUT", check_key(upload.key), self._expiry(expires_s), part.size_bytes, upload.id, number)
        )

    def list_parts(self, upload: Upload) -> list[StoredPart]:
        """See `ObjectStore.list_parts`."""
        return [part for part, _ in self._parts(upload)]

    def complete_upload(self, upload: Upload) -> None:
        """See `ObjectStore.complete_upload`."""
        check_key(upload.key)
        with self._uploads.claim(upload):  # else a second one at work would replace what the first has made
            parts = self._parts(upload)
            missing = missing_parts(upload.size_bytes, [part for part, _ in parts])
            if missing:
                raise MissingPartsError(missing)
            with self._stage(upload.key, upload.size_bytes) as staged:
                for _, path in parts:
                    with disk_faults(gone=UploadNotFoundError(upload.id)):  # aborted meanwhile
                        staged.append_file(path)
                staged.commit()
            self._uploads.end(upload.id)

    def abort_upload(self, upload: Upload) -> None:
        """See `ObjectStore.abort_upload`."""
        with suppress(UploadNotFoundError):
            self._parts(upload)
            self._uploads.end(upload.id)

    def sweep(self, *, before: datetime) -> int:
        """See `ObjectStore.sweep`."""
        return self._uploads.sweep(before)

    def put_url(self, key: str, size_bytes: int, *, expires_s: int) -> str:
        """See `ObjectStore.put_url`."""
        if size_bytes > PART_BYTES:
            raise TooLargeError(f"{size_bytes} bytes do not fit one part of {PART_BYTES}; begin an upload")
        return self._signer.url(Grant("PUT", check_key(key), self._expiry(expires_s), size_bytes))

    def get_url(self, key: str, *, expires_s: int) -> str:
        """See `ObjectStore.get_url`."""
        return self._signer.url(Grant("GET", check_key(key), self._expiry(expires_s)))

    def check(self, grant: Grant, signature: str) -> None:
        """Let pass who shows a URL of ours that allows `grant`.

        Raises:
            ForgedUrlError: we did not sign this.
            ExpiredUrlError: we did, and its time is over.
        """
        self._signer.check(grant, signature, self._clock.wall())

    def receive(self, grant: Grant) -> StagedFile:
        """A file to write the body of a granted PUT to; committing it stores the part or object.

        Raises:
            UploadNotFoundError: the part's upload is over; also from committing.
        """
        size_bytes = grant.size_bytes or 0
        if grant.upload_id is not None and grant.part_number is not None:
            return self._uploads.receive(grant.upload_id, grant.part_number, size_bytes)
        return self._stage(grant.key, size_bytes)

    def _parts(self, upload: Upload) -> list[tuple[StoredPart, Path]]:
        check_key(upload.key)
        return self._uploads.parts(upload)

    def _stage(self, key: str, size_bytes: int) -> StagedFile:
        return StagedFile(self._uploads.incoming, self._place(key), size_bytes)

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _place(self, key: str) -> Path:
        """The file of a key, its folders made."""
        path = self._path(key)
        with disk_faults():
            try:
                make_folders(path.parent)
            except (FileExistsError, NotADirectoryError) as error:
                raise BadKeyError(f"{key!r} lies below another object") from error
            if path.is_dir():
                raise BadKeyError(f"other objects lie below {key!r}")
        return path

    def _walk(self, prefix: str, after: str) -> Iterator[ObjectInfo]:
        """Objects below `prefix` in the order of whole keys: `a-b` before `a/b`, since `-` is before `/`."""
        with disk_faults():
            try:
                entries = sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in self._folder(prefix))
            except (FileNotFoundError, NotADirectoryError):
                return
        for name in entries:
            key = prefix + name
            if name.endswith("/"):
                if key > after or after.startswith(key):
                    yield from self._walk(key, after)
            elif key > after:
                with suppress(ObjectNotFoundError):  # deleted since
                    yield self.head(key)

    def _folder(self, prefix: str) -> list[os.DirEntry[str]]:
        with os.scandir(self._root / prefix) as entries:
            return list(entries)

    def _expiry(self, expires_s: int) -> int:
        return int(self._clock.wall().timestamp()) + expires_s


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    return ObjectInfo(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))
