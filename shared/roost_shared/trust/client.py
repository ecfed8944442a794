"""What is released for this device: the shell around TUF, from a pinned root to a manifest's length and digest.

    client = TrustClient(root, tenant="acme", folder=state_dir / "trust", base_url=f"{url}/api/v1/device/trust", …)
    client.refresh()                                  # three requests when nothing has changed
    client.verify_manifest("meter", "meter", "7")     # its length and sha256, or an error that says why not
    client.verify_assignment(data, tenant="acme", device="cam-01", newest=6)

Every check asks for the newest root, then for the time, then for the newest timestamp; what these name is loaded where
it changed. Of everything believed the newest is kept, so that nobody can go back behind it; that and the floor of time
live in `folder`, and are all it takes to survive a restart. One thread at a time.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import quote

from tuf.api.metadata import Targets
from tuf.ngclient import FetcherInterface

from roost_shared.assignment import Assignment
from roost_shared.durable import make_folders, write_durably
from roost_shared.errors import RoostError
from roost_shared.messages import VersionMismatchError
from roost_shared.trust.envelope import SealedAssignment
from roost_shared.trust.errors import (
    ManifestUnsignedError,
    TrustRefusedError,
    TrustStaleError,
    TrustUnreachableError,
)
from roost_shared.trust.names import target_path, task_role
from roost_shared.trust.signed_time import LARGEST_BYTES, SignedTime
from roost_shared.trust.updater import ClockedUpdater
from roost_shared.trust.verdict import judging

__all__ = ["BUILD_DATE", "SignedManifest", "TrustClient", "TrustState"]

BUILD_DATE: Final = datetime(2026, 11, 1, tzinfo=UTC)  # this code did not exist before; each release moves it on

_METADATA: Final = "metadata"
_TIME: Final = "time.json"
_ASSIGNMENT: Final = "assignment.json"

TrustState = Literal["unchecked", "fresh", "stale", "refused", "unreachable"]
_STATES: Final[tuple[tuple[type[RoostError], TrustState], ...]] = (
    (TrustStaleError, "stale"),
    (TrustRefusedError, "refused"),
    (TrustUnreachableError, "unreachable"),
)


class SignedManifest(NamedTuple):
    """What a releaser has signed of a bundle.

    Attributes:
        length: of its manifest, in bytes.
        sha256: of the manifest, hex.
    """

    length: int
    sha256: str


class TrustClient:
    """A tenant's repository, as one machine has come to know it.

    Args:
        root: the pinned root's bytes.
        tenant: whose repository it is.
        folder: what was learned before; made if missing. A folder belongs to one pinned root.
        base_url: where `metadata/` and `time` are.
        fetcher: the network.
        build_date: below which time cannot be.
        new_nonce: makes a question's nonce.
    """

    def __init__(
        self,
        root: bytes,
        *,
        tenant: str,
        folder: Path,
        base_url: str,
        fetcher: FetcherInterface,
        build_date: datetime = BUILD_DATE,
        new_nonce: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        self._root = root
        self._tenant = tenant
        self._folder = folder
        self._base_url = base_url.rstrip("/")
        self._fetcher = fetcher
        self._build_date = build_date
        self._new_nonce = new_nonce
        self._updater: ClockedUpdater | None = None
        self.state: TrustState = "unchecked"
        """How the last check ended; only after `fresh` anything new may be installed."""
        self.time: datetime = build_date
        """The floor of time, by the last check."""

    def refresh(self) -> None:
        """Learn what is released now.

        Raises:
            TrustStaleError: what there is has expired.
            TrustRefusedError: what there is must not be believed.
            TrustUnreachableError: the repository does not answer.
            TrustUnwritableError: the disk does not take what has to be remembered.
        """
        self._updater = None
        with self._judging():
            updater = ClockedUpdater(
                self._folder / _METADATA, self._root, f"{self._base_url}/metadata/", self._fetcher
            )
            updater.load_root()
            self.time = max(self._build_date, self._kept_time(updater), self._ask_time(updater))
            updater.set_time(self.time)
            updater.refresh()
        self._updater = updater
        self.state = "fresh"

    def verify_manifest(self, task: str, name: str, version: str) -> SignedManifest:
        """The manifest that a releaser of the task has signed under a bundle's name and version.

        Raises:
            ManifestUnsignedError: none has.
            RoostError: as `refresh` does, which comes first where it has not been called.
        """
        if self._updater is None:
            self.refresh()
        assert self._updater is not None  # noqa: S101 - refresh raises or sets it
        path = target_path(task, name, version)
        if task_role(task) not in self._updater.snapshot_names:
            raise ManifestUnsignedError(path)
        with self._judging():
            target = self._updater.get_targetinfo(path)
        if target is None:
            raise ManifestUnsignedError(path)
        sha256 = target.hashes.get("sha256")
        if sha256 is None:
            raise TrustRefusedError("malformed", f"{path} has no sha256")
        return SignedManifest(target.length, sha256)

    def verify_assignment(self, data: bytes, *, tenant: str, device: str, newest: int) -> Assignment:
        """The assignment in an envelope, if those may have signed it whom the targets name.

        The newest one believed is remembered, and counts for as long as the targets name the keys that signed it: a
        stolen key that signs a version out of all reach is cured by a new key, as TUF's own fast-forward is.

        Args:
            data: the envelope.
            tenant: whose device this is.
            device: its name.
            newest: the newest version that was believed before; 0 for none. Nothing below it is believed, and of that
                version nothing else than before.

        Raises:
            TrustRefusedError: `signature`, `addressee`, `rollback`, `malformed` or `too_large`; `state` stays.
            NoAssignmentKeyError: the targets name no key for assignments.
            VersionMismatchError: it is of another schema version; says which side to upgrade.
            RoostError: as `refresh` does, which comes first where it has not been called.
        """
        if self._updater is None:
            self.refresh()
        assert self._updater is not None  # noqa: S101 - refresh raises or sets it
        targets = self._updater.targets
        sealed = SealedAssignment.parse(data)
        if not sealed.is_by(targets):
            raise TrustRefusedError("signature", "the assignment is not signed by keys that the targets name for it")
        assignment = sealed.assignment()
        if (assignment.tenant, assignment.device) != (tenant, device):
            raise TrustRefusedError("addressee", f"the assignment is for {assignment.tenant}/{assignment.device}")
        with judging():
            self._keep_newest(assignment.version, sealed, data, targets, newest)
        return assignment

    def _keep_newest(self, version: int, sealed: SealedAssignment, data: bytes, targets: Targets, newest: int) -> None:
        """See that an assignment is not behind what was believed before, and remember it."""
        kept = self._kept_assignment()
        floor, before = newest, None
        if kept is not None and newest <= kept[0]:
            # What was believed by keys that count no more binds nobody; nor does the caller's memory of the same.
            floor, before = (kept[0], kept[1].payload) if kept[1].is_by(targets) else (0, None)
        if version < floor:
            raise TrustRefusedError("rollback", f"assignment {version} is older than {floor}, which was seen before")
        if version == floor and before not in (None, sealed.payload):
            raise TrustRefusedError("rollback", f"assignment {floor} said something else when it was seen before")
        if kept is None or sealed != kept[1]:
            make_folders(self._folder)
            write_durably(self._folder / _ASSIGNMENT, data)

    def _kept_assignment(self) -> tuple[int, SealedAssignment] | None:
        """The newest that was believed, and its version; none where what was kept cannot be read any more."""
        try:
            sealed = SealedAssignment.parse((self._folder / _ASSIGNMENT).read_bytes())
            return sealed.assignment().version, sealed
        except (FileNotFoundError, TrustRefusedError, VersionMismatchError):
            return None

    def _kept_time(self, updater: ClockedUpdater) -> datetime:
        """The floor of earlier checks; none of a key that the root no longer names."""
        try:
            kept = SignedTime.parse((self._folder / _TIME).read_bytes())
        except (FileNotFoundError, TrustRefusedError):
            return self._build_date
        return kept.at if kept.is_by(updater.root, self._tenant) else self._build_date

    def _ask_time(self, updater: ClockedUpdater) -> datetime:
        """The cloud's answer to a new nonce, remembered."""
        nonce = self._new_nonce()
        data = self._fetcher.download_bytes(f"{self._base_url}/time?nonce={quote(nonce, '')}", LARGEST_BYTES)
        told = SignedTime.parse(data)
        if told.nonce != nonce:
            raise TrustRefusedError("time", "the statement of the time answers another question")
        if not told.is_by(updater.root, self._tenant):
            raise TrustRefusedError("time", "the statement of the time is not signed by a key of the root's")
        # A clock that ran ahead of the root's life leaves no trace: once it is right again, so are we.
        if self._kept_time(updater) < told.at < updater.root.expires:
            make_folders(self._folder)
            write_durably(self._folder / _TIME, told.bytes())
        return told.at

    @contextmanager
    def _judging(self) -> Iterator[None]:
        """Makes of TUF's errors ours, and a state of them."""
        try:
            with judging():
                yield
        except RoostError as error:
            self._updater = None
            self.state = next((state for kind, state in _STATES if isinstance(error, kind)), self.state)
            if isinstance(error, TrustStaleError):
                raise TrustStaleError(f"{error}, by {self.time:%Y-%m-%d %H:%M} UTC") from error
            raise
