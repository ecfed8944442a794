"""Multipart uploads of the `file://` store, until they are objects.

    {staging}/uploads/{id}/upload.json     its key and size
    {staging}/uploads/{id}/00001.part …    parts that arrived
    {staging}/incoming/…                   files under way, and what is being removed

A part is there once its file has its name. An upload ends by its folder being renamed, so a part that
arrives at that moment finds no place and is refused, and never revives half an upload.
"""

import fcntl
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from roost_cloud.objects.disk import StagedFile, disk_faults
from roost_cloud.objects.errors import UploadNotFoundError
from roost_cloud.objects.parts import StoredPart
from roost_cloud.objects.store import Upload
from roost_shared.durable import fsync_folder, make_folders, write_durably
from roost_shared.messages import UNREADABLE

__all__ = ["FileUploads"]

_ID: Final = re.compile(r"[0-9a-f]{32}")
_RECORD: Final = "upload.json"


class FileUploads:
    """Uploads under one staging folder, which is made if it is not there.

    Raises:
        StoreFullError, StoreFailedError: the disk refused; also from every method.
    """

    def __init__(self, staging: Path) -> None:
        self.incoming = staging / "incoming"
        self._uploads = staging / "uploads"
        with disk_faults():
            make_folders(self.incoming)
            make_folders(self._uploads)

    def begin(self, key: str, size_bytes: int) -> Upload:
        """Record a new upload."""
        upload = Upload(key=key, size_bytes=size_bytes, id=secrets.token_hex(16))
        folder = self._uploads / upload.id
        with disk_faults():
            folder.mkdir()
            try:
                write_durably(folder / _RECORD, msgspec.json.encode(upload))
                fsync_folder(self._uploads)
            except OSError:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        return upload

    def receive(self, upload_id: str, number: int, size_bytes: int) -> StagedFile:
        """A file to write a part to; committing it stores the part, in place of one that arrived before.

        Raises:
            UploadNotFoundError: there is no such upload; also from committing.
        """
        gone = UploadNotFoundError(upload_id)
        if _ID.fullmatch(upload_id) is None or not (folder := self._uploads / upload_id).is_dir():
            raise gone
        return StagedFile(self.incoming, folder / f"{number:05d}.part", size_bytes, gone)

    def parts(self, upload: Upload) -> list[tuple[StoredPart, Path]]:
        """The parts that arrived and their files, ascending.

        Raises:
            UploadNotFoundError: there is no such upload, its record is damaged, or it is of another key or size.
        """
        gone = UploadNotFoundError(upload.id)
        if _ID.fullmatch(upload.id) is None:
            raise gone
        folder = self._uploads / upload.id
        with disk_faults(gone):
            if not _is_record_of(upload, (folder / _RECORD).read_bytes()):
                raise gone
            files = sorted(folder.glob("*.part"))
            return [(StoredPart(int(file.stem), file.stat().st_size), file) for file in files]

    @contextmanager
    def claim(self, upload: Upload) -> Iterator[None]:
        """Have an upload to oneself while making an object of it: waits for whoever is at it, in any process.

        Then look at its parts: it may have ended meanwhile. The kernel ends the claim of a process that dies.

        Raises:
            UploadNotFoundError: there is no such upload.
        """
        gone = UploadNotFoundError(upload.id)
        if _ID.fullmatch(upload.id) is None:
            raise gone
        with disk_faults(gone):
            record = (self._uploads / upload.id / _RECORD).open("rb")
        with record:
            with disk_faults():
                fcntl.flock(record, fcntl.LOCK_EX)
            yield

    def end(self, upload_id: str) -> None:
        """Remove an upload and its parts; nothing happens if there is none."""
        if _ID.fullmatch(upload_id) is None:
            return
        ended = self.incoming / f"{upload_id}.ended"
        with disk_faults():
            try:
                (self._uploads / upload_id).rename(ended)
            except FileNotFoundError:
                return
            shutil.rmtree(ended)

    def sweep(self, before: datetime) -> int:
        """End uploads begun before that time and remove what crashes left; how many uploads they were."""
        with disk_faults():
            for entry in _older(self.incoming, before):
                if entry.is_dir():
                    shutil.rmtree(entry, ignore_errors=True)
                else:
                    entry.unlink(missing_ok=True)
        swept = 0
        with disk_faults():
            for folder in _older(self._uploads, before, _RECORD):
                self.end(folder.name)
                swept += 1
        return swept


def _is_record_of(upload: Upload, data: bytes) -> bool:
    try:
        return msgspec.json.decode(data, type=Upload) == upload
    except UNREADABLE:
        return False


def _older(parent: Path, before: datetime, record: str = "") -> Iterator[Path]:
    """Entries last changed before a time, by the date of the `record` in each, where there is one."""
    for entry in list(parent.iterdir()):
        dated = entry / record if (entry / record).exists() else entry
        try:
            modified_at = datetime.fromtimestamp(dated.stat().st_mtime, UTC)
        except FileNotFoundError:
            continue  # another process was faster
        if modified_at < before:
            yield entry
