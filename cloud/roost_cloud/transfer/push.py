"""Pushing a bundle: what the registry lacks is sent in parts, several at once, and then the manifest.

The bundle is checked whole before anything is sent. Rounds: every missing blob is begun, all their parts are sent, and
each is completed. A blob that falls through (somebody else completed, spoilt or aborted the upload that we shared) is
begun anew in the next round.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from roost_cloud.client import RemoteError
from roost_cloud.transfer.progress import Progress, Unseen
from roost_cloud.transfer.registry import Part, Registry, Upload
from roost_cloud.transfer.signed_urls import EXPIRED, GONE, put_bytes
from roost_shared.bundle import Bundle, open_bundle
from roost_shared.bundle.layout import blob_path

__all__ = ["Pushed", "push_bundle"]

_AT_ONCE: Final = 4  # parts under way, each of them in memory: 8 MiB
_ROUNDS: Final = 3
# Reasons for which a blob is begun anew; any other is final.
_FELL_THROUGH: Final = frozenset({"not_found", "blob.digest_mismatch", "objects.parts_missing"})


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Attributes:
        bundle: what was pushed.
        created: whether the version is new there.
        sent_bytes: of blobs, as often as they were sent.
        present_bytes: of blobs that were there before.
    """

    bundle: Bundle
    created: bool
    sent_bytes: int
    present_bytes: int


@dataclass(frozen=True)
class _Blob:
    digest: str
    size_bytes: int
    path: Path


def push_bundle(registry: Registry, folder: Path, progress: Progress | None = None, *, anew: bool = False) -> Pushed:
    """Push the bundle in `folder`; again, after whatever interruption, it goes on where it was.

    Args:
        registry: where to.
        folder: the bundle's.
        progress: is told of bytes.
        anew: send also what is there, in place of objects that the store has damaged.

    Raises:
        BundleError: the bundle is damaged, or not whole; nothing was sent.
        RemoteError: the cloud refuses it.
        ApiUnreachableError: the cloud stayed away for longer than the registry's patience.
    """
    bundle = open_bundle(folder, whole=True)
    return _Push(registry, bundle, progress or Unseen(), anew=anew).run()


class _Push:
    def __init__(self, registry: Registry, bundle: Bundle, progress: Progress, *, anew: bool) -> None:
        self._registry = registry
        self._bundle = bundle
        self._progress = progress
        self._anew = anew
        self._lock = Lock()
        self._sent_bytes = 0
        self._begun: set[str] = set()  # digests

    def run(self) -> Pushed:
        config = self._bundle.config
        manifest = blob_path(self._bundle.folder, self._bundle.digest).read_bytes()
        blobs = self._blobs()
        self._send(blobs)
        try:
            created = self._registry.publish(config.name, config.version, manifest)
        except RemoteError as error:
            if error.reason != "bundle.blobs_missing":
                raise
            self._send(blobs)  # this push took so long that a collection removed some
            created = self._registry.publish(config.name, config.version, manifest)
        present_bytes = sum(blob.size_bytes for blob in blobs if blob.digest not in self._begun)
        return Pushed(self._bundle, created, self._sent_bytes, present_bytes)

    def _blobs(self) -> list[_Blob]:
        manifest = self._bundle.manifest
        sizes = {blob.digest: blob.size for blob in (manifest.config, *manifest.layers)}
        return [_Blob(digest, size, blob_path(self._bundle.folder, digest)) for digest, size in sizes.items()]

    def _send(self, blobs: Sequence[_Blob]) -> None:
        """See to it that the registry has all blobs."""
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="push") as threads:
            for _ in range(_ROUNDS):
                failed = self._round(threads, blobs)
                if not failed:
                    return
                blobs = list(failed)
        raise next(iter(failed.values()))

    def _round(self, threads: ThreadPoolExecutor, blobs: Sequence[_Blob]) -> dict[_Blob, RemoteError]:
        """Try to bring blobs; those that fell through, and why."""
        answers = threads.map(self._begin, blobs)
        uploads = [(blob, upload) for blob, upload in zip(blobs, answers, strict=True) if upload is not None]
        self._begun |= {blob.digest for blob, _ in uploads}
        parts = [(blob, upload, part) for blob, upload in uploads for part in upload.parts if part.url is not None]
        self._progress.expect(sum(part.size_bytes for _, _, part in parts))
        list(threads.map(lambda one: self._send_part(*one), parts))
        faults = list(threads.map(lambda one: self._complete(one[1]), uploads))
        return {blob: fault for (blob, _), fault in zip(uploads, faults, strict=True) if fault is not None}

    def _begin(self, blob: _Blob) -> Upload | None:
        return self._registry.begin_upload(blob.digest, blob.size_bytes, anew=self._anew)

    def _send_part(self, blob: _Blob, upload: Upload, part: Part) -> None:
        with blob.path.open("rb") as file:
            file.seek(part.offset)
            data = file.read(part.size_bytes)
        try:
            self._registry.patience(_PartSender(self._registry, upload.id, part, data))
        except RemoteError as error:
            if error.status != GONE:
                raise
            return  # the upload is over, and completing it will tell how it ended
        with self._lock:
            self._sent_bytes += len(data)
        self._progress.moved(len(data))

    def _complete(self, upload: Upload) -> RemoteError | None:
        try:
            self._registry.complete_upload(upload.id)
        except RemoteError as error:
            if error.reason not in _FELL_THROUGH:
                raise
            return error
        return None


class _PartSender:
    """Sends one part; called again after a failure it asks anew where to, as its URL may have expired meanwhile."""

    def __init__(self, registry: Registry, upload_id: str, part: Part, data: bytes) -> None:
        self._registry = registry
        self._upload_id = upload_id
        self._part = part
        self._data = data
        self._tried = False

    def __call__(self) -> None:
        url = self._url() if self._tried else self._part.url
        self._tried = True
        try:
            self._put(url)
        except RemoteError as error:
            if error.status != EXPIRED:
                raise
            self._put(self._url())

    def _put(self, url: str | None) -> None:
        if url is not None:  # else it arrived, and only the answer was lost
            put_bytes(self._registry.pool, url, self._data)

    def _url(self) -> str | None:
        parts = self._registry.get_upload(self._upload_id).parts
        return next(part.url for part in parts if part.number == self._part.number)
