"""The installer's work on the disk, from one assignment to the next, without a network: to be ended anywhere."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self, cast

from roost_edge.installer import pointer
from roost_edge.installer.attempt import Attempt
from roost_edge.installer.bundle_cloud import BlobPlace, BundleCloud
from roost_edge.installer.download import Downloads
from roost_edge.installer.fit import Machine
from roost_edge.installer.garbage import collect_garbage
from roost_edge.installer.headway import Headway
from roost_edge.installer.standing import believe, confirm, put_in_force
from roost_edge.installer.store import BundleStore
from roost_edge.installer.trusted_cloud import TrustedCloud
from roost_edge.uplink.ranged_answer import RangedAnswer
from roost_edge.upload.token_bucket import TokenBucket
from roost_shared.assignment import AssignedContestant, AssignedTask, Assignment, BundlePin
from roost_shared.bundle import Bundle, open_bundle
from roost_shared.bundle.layout import blob_path
from roost_shared.clock import SystemClock
from roost_shared.digest import hex_of
from roost_shared.trust import SignedManifest

__all__ = ["assign", "install", "install_from"]

PIECE_BYTES = 700


class _Answer:
    """A part of a blob, read from a folder."""

    def __init__(self, data: bytes, offset: int) -> None:
        self.offset, self.size_bytes = offset, len(data)
        self._rest = io.BytesIO(data[offset:])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def pieces(self, _: int) -> Iterator[bytes]:
        while piece := self._rest.read(PIECE_BYTES):
            yield piece


class FolderCloud:
    """A cloud whose released bundles lie in folders; TrustedCloud and BundleCloud in one.

    Attributes:
        spoil: what becomes of a blob's bytes on the way.
        given_bytes: of blobs.
    """

    def __init__(self, bundles: list[Bundle]) -> None:
        self._bundles = {bundle.digest: bundle for bundle in bundles}
        self.spoil: Callable[[bytes], bytes] = lambda data: data
        self.given_bytes = 0

    @property
    def bundles(self) -> "FolderCloud":
        return self

    def verify_manifest(self, task: str, name: str, version: str) -> SignedManifest:
        (bundle,) = [one for one in self._bundles.values() if (one.config.name, one.config.version) == (name, version)]
        assert bundle.config.task == task
        return SignedManifest(blob_path(bundle.folder, bundle.digest).stat().st_size, hex_of(bundle.digest))

    def manifest(self, digest: str, size_bytes: int) -> bytes:
        data = blob_path(self._bundles[digest].folder, digest).read_bytes()
        assert len(data) == size_bytes
        return data

    def blob(self, digest: str) -> BlobPlace:
        return BlobPlace(size_bytes=len(self._read(digest)), url=digest)

    def get(self, place: BlobPlace, offset: int) -> RangedAnswer:
        data = self.spoil(self._read(place.url))
        self.given_bytes += len(data) - offset
        return cast("RangedAnswer", _Answer(data, offset))

    def _read(self, digest: str) -> bytes:
        paths = (blob_path(bundle.folder, digest) for bundle in self._bundles.values())
        return next(path for path in paths if path.exists()).read_bytes()


def assign(version: int, *bundles: Bundle) -> Assignment:
    contestants = tuple(
        AssignedContestant(
            name=f"c{number}",
            bundle=BundlePin(name=one.config.name, version=one.config.version, digest=one.digest),
        )
        for number, one in enumerate(bundles)
    )
    tasks = {bundles[0].config.task: AssignedTask(contestants=contestants)}
    return Assignment(tenant="acme", device="cam-01", version=version, issued_at="", tasks=tasks)


def install_from(cloud: FolderCloud, state_dir: Path, assignment: Assignment, *, reserve_bytes: int = 0) -> None:
    """Stage an assignment, put it in force and confirm it, as the installer's two threads do."""
    store = BundleStore(state_dir)
    version = assignment.version
    pointer.change_standing(state_dir, lambda standing: believe(standing, version, f"sha256:{version}", "us"))
    downloads = Downloads(
        cast("BundleCloud", cloud),
        store,
        bucket=TokenBucket(None),
        clock=SystemClock(),
        wait=lambda _: None,
        moved=lambda _: None,
    )
    Attempt(
        assignment,
        state_dir,
        cast("TrustedCloud", cloud),
        store,
        downloads,
        Headway(assignment),
        machine=lambda: Machine(runtimes=["litert"], architecture="any"),
        reserve_bytes=reserve_bytes,
        told=lambda: None,
    ).run()
    pointer.change_standing(state_dir, lambda standing: put_in_force(standing, version))
    pointer.change_standing(state_dir, lambda standing: confirm(standing, version))
    collect_garbage(state_dir, store)


def install(state_dir: Path, argument: str) -> None:
    """The same by text, for a process that is ended in the middle: `VERSION FOLDER…`."""
    version, *folders = argument.split(":")
    bundles = [open_bundle(Path(folder)) for folder in folders]
    install_from(FolderCloud(bundles), state_dir, assign(int(version), *bundles))
