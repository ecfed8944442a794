"""Bundles on this machine's disk, fetched from the object store once, by digest, and verified whenever opened.

Any number of scorers may share the folder. It is a cache: all of it may be removed at any time, also by another
scorer; what is loaded stays loaded.
"""

import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from roost_cloud.objects import ObjectStore
from roost_cloud.registry.blobs import blob_key
from roost_cloud.tasks.resolution import Version
from roost_shared.bundle import Bundle, BundleError, open_bundle
from roost_shared.bundle.documents import blobs_to_run, parse_manifest
from roost_shared.bundle.layout import blob_path
from roost_shared.bundle.writer import begin_layout, complete_layout, put_in_place
from roost_shared.digest import hex_of
from roost_shared.errors import DeviceError

__all__ = ["BundleCache", "CacheError"]

_CHUNK_BYTES: Final = 1 << 20
_FETCH_MAX_S: Final = 3600.0  # what was not fetched in an hour was given up, or its scorer was killed


class CacheError(DeviceError):
    """The disk does not take a bundle."""

    code = "scorer.cache"


class BundleCache:
    """A folder of bundles.

    Args:
        folder: made if it is not there.
        store: where bundles' blobs are.
        limit_bytes: of bundles kept; the one asked for is kept whatever its size.
    """

    def __init__(self, folder: Path, store: ObjectStore, limit_bytes: int) -> None:
        self._folder = folder
        self._store = store
        self._limit_bytes = limit_bytes

    def get(self, version: Version, manifest: bytes) -> Bundle:
        """A bundle, opened: every byte of it checked.

        Args:
            version: which.
            manifest: its manifest, as the registry has it.

        Raises:
            BundleError: what the store holds is no bundle, or another.
            StoreUnavailableError, StoreFailedError, ObjectNotFoundError: the store does not give it.
            CacheError: the disk refused.
        """
        folder = self._folder / hex_of(version.digest)
        try:
            if folder.exists() and (bundle := self._opened(folder, version.digest)) is not None:
                return bundle
            self._fetch(version, manifest, folder)
            self._shrink(keep=folder)
            bundle = open_bundle(folder)
        except OSError as error:
            raise CacheError(f"{folder}: {error.strerror or error}") from error
        if bundle.digest != version.digest:
            shutil.rmtree(folder, ignore_errors=True)
            raise BundleError(folder, f"is {bundle.digest}, not what the registry says of {version}")
        return bundle

    def _opened(self, folder: Path, digest: str) -> Bundle | None:
        """The bundle there; None, and it is gone, if it is damaged."""
        try:
            bundle = open_bundle(folder)
        except BundleError:
            bundle = None
        if bundle is None or bundle.digest != digest:
            shutil.rmtree(folder, ignore_errors=True)
            return None
        os.utime(folder)  # when it was used last
        return bundle

    def _fetch(self, version: Version, manifest: bytes, folder: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=self._folder, prefix=f".{folder.name[:16]}."))
        try:
            named = parse_manifest(staging / "manifest", manifest)
            begin_layout(staging)
            for blob in blobs_to_run(named):
                self._fetch_blob(version.tenant, blob.digest, blob.size, blob_path(staging, blob.digest))
            complete_layout(staging, manifest, version.version)
            put_in_place(staging, folder, open_bundle(staging).digest)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _fetch_blob(self, tenant: str, digest: str, size_bytes: int, target: Path) -> None:
        """Bring a blob, not a byte more than was announced; whether it is the right one, `open_bundle` tells."""
        key = blob_key(tenant, digest)
        with self._store.open(key, length_bytes=size_bytes) as reader, target.open("wb") as file:
            while chunk := reader.read(_CHUNK_BYTES):
                file.write(chunk)

    def _shrink(self, keep: Path) -> None:
        """Remove what was used longest ago, until the rest is within the limit."""
        found = []
        for folder in self._folder.iterdir():
            with suppress(FileNotFoundError):  # another scorer was first
                found.append((folder.stat().st_mtime, _size_bytes(folder), folder))
        total_bytes = sum(size_bytes for _, size_bytes, _ in found)
        abandoned_s = time.time() - _FETCH_MAX_S
        for used_s, size_bytes, folder in sorted(found):
            being_fetched = folder.name.startswith(".") and used_s > abandoned_s
            if total_bytes > self._limit_bytes and folder != keep and not being_fetched:
                shutil.rmtree(folder, ignore_errors=True)
                total_bytes -= size_bytes


def _size_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
