"""Pulling a bundle into a folder that `roost-agent` can use: whole and checked, or not there at all.

It grows in `.{name}.pulling` beside its goal; a pull that was cut goes on there. Blobs that are on this machine in
another bundle need not be fetched. A manifest is believed by its digest, and a blob by the manifest.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from roost_cloud.client import ApiAnswerError
from roost_cloud.transfer.download import Download, holds
from roost_cloud.transfer.progress import Progress, Unseen
from roost_cloud.transfer.registry import Registry
from roost_shared.bundle import Bundle, BundleError, BundleExistsError, open_bundle
from roost_shared.bundle.documents import parse_manifest
from roost_shared.bundle.layout import blob_path
from roost_shared.bundle.writer import begin_layout, complete_layout, put_in_place
from roost_shared.digest import digest_of
from roost_shared.errors import ContentError

__all__ = ["PullRunningError", "Pulled", "pull_bundle"]

_AT_ONCE: Final = 4  # blobs under way


class PullRunningError(ContentError):
    """Another pull into the same folder is running."""

    code = "bundle.pull_running"


@dataclass(frozen=True)
class Pulled:
    """What a pull did.

    Attributes:
        bundle: where it lies now.
        received_bytes: of blobs.
        present_bytes: of blobs that were on this machine.
    """

    bundle: Bundle
    received_bytes: int
    present_bytes: int


def pull_bundle(
    registry: Registry,
    name: str,
    version: str,
    out: Path,
    *,
    have: Sequence[Path] = (),
    progress: Progress | None = None,
) -> Pulled:
    """Pull a version; again, after whatever interruption, it goes on where it was.

    Args:
        registry: where it is.
        name: the bundle's.
        version: which.
        out: the folder to make; if it holds the very bundle, nothing is fetched.
        have: folders of bundles whose blobs may be used.
        progress: told how far it has come.

    Raises:
        BundleExistsError: `out` holds something else.
        PullRunningError: another process is at it.
        AlteredBlobError: the cloud keeps a blob damaged; `out` is not made.
        BundleError: the cloud holds what is no bundle.
        RemoteError: the cloud says no, or has no such version.
        ApiUnreachableError: it stayed away for longer than the registry's patience.
        OSError: the disk refused; what arrived is kept for the next pull.
    """
    found = registry.version(name, version)
    manifest = found.manifest.encode()
    if digest_of(manifest) != found.digest:
        raise ApiAnswerError(f"the manifest of {name}:{version} is not what its digest {found.digest} says")
    if out.exists():
        return Pulled(_same(out, found.digest), 0, found.size_bytes)
    out.parent.mkdir(parents=True, exist_ok=True)
    staging = out.parent / f".{out.name}.pulling"
    with _alone(staging):
        pull = _Pull(registry, staging, manifest, have, progress or Unseen())
        pull.fetch()
        complete_layout(staging, manifest, version)
        pulled = open_bundle(staging, whole=True)  # what an agent would refuse is never put in place
        put_in_place(staging, out, pulled.digest)
        shutil.rmtree(staging, ignore_errors=True)  # still there if somebody else put the same bundle in place
    bundle = Bundle(out.resolve(), pulled.digest, pulled.manifest, pulled.config)
    return Pulled(bundle, pull.received_bytes, pull.present_bytes)


class _Pull:
    """Fills a layout's folder of blobs."""

    def __init__(
        self, registry: Registry, staging: Path, manifest: bytes, have: Sequence[Path], progress: Progress
    ) -> None:
        named = parse_manifest(staging / "manifest", manifest)
        self._sizes = {blob.digest: blob.size for blob in (named.config, *named.layers)}
        self._registry = registry
        self._staging = staging
        self._have = have
        self._progress = progress
        self.received_bytes = 0
        self.present_bytes = 0

    def fetch(self) -> None:
        """Have every blob, and no file that another bundle left here."""
        self._clear(begin_layout(self._staging))
        missing = [digest for digest in self._sizes if not self._find(digest)]
        self.present_bytes = sum(size for digest, size in self._sizes.items() if digest not in missing)
        self._progress.expect(sum(self._sizes[digest] for digest in missing))
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="pull") as threads:
            self.received_bytes = sum(threads.map(self._download, missing))

    def _clear(self, folder: Path) -> None:
        wanted = {blob_path(self._staging, digest).name for digest in self._sizes}
        for file in folder.iterdir():
            if file.name.removesuffix(".part") not in wanted:
                file.unlink()

    def _find(self, digest: str) -> bool:
        """Whether a blob is on this machine; it is copied to where it belongs."""
        target = blob_path(self._staging, digest)
        if holds(target, digest):
            return True
        for bundle in self._have:
            source = blob_path(bundle, digest)
            if holds(source, digest):
                _copy(source, target)
                return True
        return False

    def _download(self, digest: str) -> int:
        target = blob_path(self._staging, digest)
        download = Download(self._registry, digest, self._sizes[digest], target, self._progress)
        download.run()
        return download.received_bytes


def _copy(source: Path, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    shutil.copyfile(source, part)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(target)


def _same(out: Path, digest: str) -> Bundle:
    try:
        bundle = open_bundle(out, whole=True)
    except BundleError as error:
        raise BundleExistsError(out, "holds what is no whole bundle; give a new folder or remove this one") from error
    if bundle.digest != digest:
        raise BundleExistsError(out, f"holds {bundle.reference}; give a new folder or remove this one")
    return bundle


@contextmanager
def _alone(staging: Path) -> Iterator[None]:
    """The staging folder, made if it is not there, in nobody else's hands."""
    staging.mkdir(exist_ok=True)
    descriptor = os.open(staging, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PullRunningError(f"{staging}: another pull is at work here") from error
        yield
    finally:
        os.close(descriptor)
