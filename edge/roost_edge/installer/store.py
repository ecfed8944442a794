"""`{state_dir}/bundles/` on the disk: blobs by digest, and bundles made of them.

    blobs/sha256/<hex>   a blob, whole; bundles share it
    partial/<hex>        a blob on its way
    <hex>/               a bundle, whole: an OCI image layout whose blobs are hard links to those above
    tmp/<hex>            a bundle that is being made, or removed

A name in `blobs` or of a bundle is only given to what is whole and durable, so that whatever moment the process ends
at, there is a file or there is none. A disk may still spoil what lay on it: whoever needs a blob hashes it before.
"""

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from roost_edge.installer.errors import StoreUnwritableError
from roost_shared.bundle import Bundle, BundleConfig, BundleError, open_bundle
from roost_shared.bundle.documents import MAX_JSON_BYTES, blobs_to_run, config_layer, parse_config, parse_manifest
from roost_shared.bundle.layout import blob_path, blobs_folder
from roost_shared.bundle.oci import Manifest
from roost_shared.bundle.writer import begin_layout, complete_layout
from roost_shared.digest import DIGEST, digest_of, digest_of_stream, hex_of
from roost_shared.durable import fsync_folder, make_folders, write_durably

__all__ = ["FOLDER", "BundleStore"]

FOLDER: Final = "bundles"
_PARTIAL: Final = "partial"
_TMP: Final = "tmp"
_PRIVATE: Final = 0o700
_SECRET: Final = 0o600


class BundleStore:
    """The store of one state folder; one process and thread at a time.

    Every method raises StoreUnwritableError where the disk refuses.

    Args:
        state_dir: the agent's folder.
    """

    def __init__(self, state_dir: Path) -> None:
        self.folder = state_dir / FOLDER
        self._partial = self.folder / _PARTIAL
        self._tmp = self.folder / _TMP
        self._blobs = blobs_folder(self.folder)

    def prepare(self) -> None:
        """Make its folders where they are missing."""
        with self._writing():
            for folder in (self._blobs, self._partial, self._tmp):
                make_folders(folder, mode=_PRIVATE)

    @property
    def free_bytes(self) -> int:
        """What an ordinary user may still write there."""
        with self._writing():
            state = os.statvfs(self.folder)
        return state.f_bavail * state.f_frsize

    # ---- blobs

    def holds(self, digest: str, size_bytes: int) -> bool:
        """Whether a blob is here and unaltered; every byte is read for that. One that is altered is removed."""
        path = self._blob(digest)
        with self._writing():
            if not path.exists():
                return False
            if path.stat().st_size == size_bytes and self._digest(path) == digest:
                return True
            path.unlink()
            fsync_folder(self._blobs)
        return False

    def read(self, digest: str) -> bytes | None:
        """A small blob's bytes, if it is here and unaltered."""
        try:
            with self._blob(digest).open("rb") as file:
                data = file.read(MAX_JSON_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unwritable(error) from error
        return data if digest_of(data) == digest else None

    def put(self, digest: str, data: bytes) -> None:
        """Keep a small blob whose digest was checked."""
        with self._writing():
            write_durably(self._blob(digest), data, mode=_SECRET)

    def partial(self, digest: str) -> Path:
        """Where a blob lies that is on its way."""
        return self._partial / hex_of(digest)

    def partial_bytes(self, digest: str) -> int:
        """How much of a blob is here that is on its way."""
        with self._writing():
            partial = self.partial(digest)
            return partial.stat().st_size if partial.exists() else 0

    def adopt(self, digest: str) -> bool:
        """Make the partial file the blob, if it is that; else remove it. Every byte is read for that.

        Bundles that have the blob get this one: theirs may be the one that was found to be altered.
        """
        partial = self.partial(digest)
        with self._writing():
            if self._digest(partial) != digest:
                partial.unlink()
                return False
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(self._blob(digest))
            fsync_folder(self._blobs)
            for folder in self._staged():
                if blob_path(folder, digest).exists():
                    self._link(folder, digest)
        return True

    # ---- bundles

    def bundle_folder(self, digest: str) -> Path:
        """Where a bundle lies once it is staged."""
        return self.folder / hex_of(digest)

    def stage(self, digest: str, manifest: Manifest, data: bytes, version: str) -> Bundle:
        """Make a bundle of blobs that are here, or mend the one that is, and open it: every byte is read for that.

        Args:
            digest: of the manifest.
            manifest: as read.
            data: as it is.
            version: the bundle's.

        Raises:
            BundleError: it is whole, and still cannot be used.
        """
        folder = self.bundle_folder(digest)
        if folder.is_dir():
            with contextlib.suppress(BundleError):  # spoilt: it is mended in its place, file by file
                return self._opened(folder, digest)
            with self._writing():
                self._fill(folder, manifest, data, version)
            return self._opened(folder, digest)
        unnamed = self._tmp / folder.name
        with self._writing():
            _remove(unnamed)
            unnamed.mkdir(mode=_PRIVATE)
            self._fill(unnamed, manifest, data, version)
        made = self._opened(unnamed, digest)
        with self._writing():
            unnamed.rename(folder)
            fsync_folder(self.folder)
        return Bundle(folder.resolve(), digest, made.manifest, made.config)

    def config_of(self, digest: str) -> BundleConfig:
        """What a staged bundle says of itself; its blobs are not looked at.

        Raises:
            BundleError: it cannot be read.
        """
        path = blob_path(self.bundle_folder(digest), digest)
        try:
            manifest = parse_manifest(path, path.read_bytes())
            path = blob_path(self.bundle_folder(digest), config_layer(path, manifest).digest)
            return parse_config(path, path.read_bytes(), manifest)
        except OSError as error:
            raise BundleError(path, error.strerror or str(error)) from error

    def collect(self, bundles: Collection[str], blobs: Collection[str], *, partial: bool) -> int:
        """Remove what nobody needs any more.

        Args:
            bundles: digests of those that are needed.
            blobs: that are needed for bundles still to be staged.
            partial: remove those blobs on their way too that are not among `blobs`.

        Returns:
            How many bundles and blobs were removed.
        """
        kept = {hex_of(digest) for digest in bundles}
        used = {hex_of(digest) for digest in blobs}
        removed = 0
        with self._writing():
            for path in list(self._tmp.iterdir()):
                _remove(path)
            for folder in self._staged():
                if folder.name not in kept:
                    # A bundle's name is never that of a half-removed one.
                    folder.rename(self._tmp / folder.name)
                    fsync_folder(self.folder)
                    _remove(self._tmp / folder.name)
                    removed += 1
                else:
                    used.update(path.name for path in blobs_folder(folder).iterdir())
            removed += _remove_others(self._blobs, used)
            if partial:
                _remove_others(self._partial, used)
        return removed

    # ---- disk

    def _staged(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if DIGEST.fullmatch(f"sha256:{path.name}")]

    def _fill(self, folder: Path, manifest: Manifest, data: bytes, version: str) -> None:
        """Link a bundle's blobs into its folder, in place of whatever lies there under their names."""
        blobs = begin_layout(folder)
        for blob in blobs_to_run(manifest):
            self._link(folder, blob.digest)
        complete_layout(folder, data, version)
        fsync_folder(blobs)

    def _link(self, folder: Path, digest: str) -> None:
        source, target = self._blob(digest), blob_path(folder, digest)
        if not (target.exists() and target.samefile(source)):
            fresh = self._tmp / target.name
            fresh.unlink(missing_ok=True)
            fresh.hardlink_to(source)
            fresh.replace(target)

    def _opened(self, folder: Path, digest: str) -> Bundle:
        try:
            bundle = open_bundle(folder)
        except OSError as error:
            raise self._unwritable(error) from error
        if bundle.digest != digest:
            raise BundleError(folder, f"holds {bundle.digest}, not {digest}")
        return bundle

    def _blob(self, digest: str) -> Path:
        return self._blobs / hex_of(digest)

    def _digest(self, path: Path) -> str:
        with path.open("rb") as file:
            return digest_of_stream(file)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> StoreUnwritableError:
        return StoreUnwritableError(f"{error.filename or self.folder}: {error.strerror or error}")


def _remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_others(folder: Path, kept: Collection[str]) -> int:
    """Remove the files of other names; how many they were."""
    others = [path for path in folder.iterdir() if path.name not in kept]
    for path in others:
        _remove(path)
    return len(others)
