"""A TUF repository in memory, with all its keys: python-tuf's fetcher over it makes any attack a line or two.

What is `published` is what a client is given, file by file; the attributes are what would be published next. An
attacker without keys changes `published`; one with some keys changes the attributes and signs.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Key,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.ngclient import FetcherInterface

from roost_shared.assignment import AssignedContestant, AssignedTask, Assignment
from roost_shared.trust import SignedTime, TrustClient
from roost_shared.trust.envelope import seal
from roost_shared.trust.names import ASSIGNMENTS, ASSIGNMENTS_PATH, delegated_path, target_path, task_role
from roost_shared.trust.signed_time import time_text

__all__ = ["BASE", "DEVICE", "MANIFEST", "NOW", "TENANT", "TufRepository", "assignment"]

NOW: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
BASE: Final = "mem://roost"
TENANT: Final = "acme"
DEVICE: Final = "cam-01"
TASK: Final = "meter"
MANIFEST: Final = b'{"a": "manifest"}'
DAY: Final = timedelta(days=1)


@dataclass
class TufRepository(FetcherInterface):
    """One tenant's, with a bundle `meter:1` released for task `meter`.

    Attributes:
        now: the time that the cloud signs.
        published: bytes by file name.
        pieces: what an answer's bytes become on the way, by file name; None in place of a file for all.
        fetched: names of files asked for, in order.
        first: what was published first.
    """

    now: datetime = NOW
    published: dict[str, bytes] = field(default_factory=dict)
    pieces: dict[str | None, Callable[[bytes], Iterator[bytes]]] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        roles = ("root", "targets", "snapshot", "timestamp", task_role(TASK), ASSIGNMENTS)
        self.signers = {role: [CryptoSigner.generate_ed25519()] for role in roles}
        self.thresholds = dict.fromkeys(roles, 1)
        self.root = Root(version=1, expires=self.now + 365 * DAY, consistent_snapshot=True)
        self.targets = Targets(version=1, expires=self.now + 365 * DAY)
        self.release = Targets(version=1, expires=self.now + 365 * DAY)
        self.snapshot = Snapshot(version=1, expires=self.now + 7 * DAY, meta={})
        self.timestamp = Timestamp(version=1, expires=self.now + DAY)
        self.add("meter", "1")
        self.name_keys()
        self.publish_root()
        self.publish()
        self.first = dict(self.published)

    # ---- the tenant's own work

    @property
    def pinned(self) -> bytes:
        """The first root."""
        return self.published["1.root.json"]

    def named(self, pattern: str) -> str:
        """A file's name, with the newest versions that are published, and of the root the next, in their places."""
        return pattern.format(root=self.root.version + 1, snapshot=self.snapshot.version, release=self.release.version)

    def client(self, folder: Path, **changed: Any) -> TrustClient:
        """A device."""
        given: dict[str, Any] = {"root": self.pinned, "tenant": TENANT, "build_date": NOW - DAY} | changed
        return TrustClient(folder=folder, base_url=BASE, fetcher=self, **given)

    def add(self, name: str, version: str, manifest: bytes = MANIFEST) -> None:
        """Have the next release hold a manifest."""
        path = target_path(TASK, name, version)
        self.release.targets[path] = TargetFile.from_data(path, manifest, ["sha256"])

    def name_keys(self) -> None:
        """Have the next root and targets name the signers there are."""
        for role in self.root.roles:
            self.root.roles[role].keyids = [signer.public_key.keyid for signer in self.signers[role]]
            self.root.roles[role].threshold = self.thresholds[role]
        self.root.keys = {key.keyid: key for role in self.root.roles for key in self.publics(role)}
        paths = {ASSIGNMENTS: ASSIGNMENTS_PATH, task_role(TASK): delegated_path(TASK)}
        self.targets.delegations = Delegations(
            {key.keyid: key for role in paths for key in self.publics(role)},
            {role: self._delegated(role, path) for role, path in paths.items()},
        )

    def _delegated(self, role: str, path: str) -> DelegatedRole:
        keyids = [key.keyid for key in self.publics(role)]
        return DelegatedRole(role, keyids, self.thresholds[role], terminating=True, paths=[path])

    def publics(self, role: str) -> list[Key]:
        return [signer.public_key for signer in self.signers[role]]

    def publish_root(self, *also: CryptoSigner) -> None:
        """Sign the root by its keys, and by others'."""
        self.put("root", self.root, *self.signers["root"], *also)

    def next_root(self) -> None:
        """A root one version on, by the keys that signed the one before too."""
        before = list(self.signers["root"])
        self.root.version += 1
        self.name_keys()
        self.publish_root(*before)

    def publish(self) -> None:
        """Everything but the root, as it is."""
        self.put("targets", self.targets)
        self.put(task_role(TASK), self.release)
        self.publish_snapshot()

    def publish_snapshot(self) -> None:
        for role, signed in (("targets", self.targets), (task_role(TASK), self.release)):
            data = self.published[f"{signed.version}.{role}.json"]
            self.snapshot.meta[f"{role}.json"] = MetaFile.from_data(signed.version, data, ["sha256"])
        self.put("snapshot", self.snapshot)
        self.publish_timestamp()

    def publish_timestamp(self) -> None:
        data = self.published[f"{self.snapshot.version}.snapshot.json"]
        self.timestamp.snapshot_meta = MetaFile.from_data(self.snapshot.version, data, ["sha256"])
        self.put("timestamp", self.timestamp)

    def step(self) -> None:
        """Time goes on by an hour, and whoever signs online signs anew."""
        self.now += timedelta(hours=1)
        self.snapshot.version += 1
        self.timestamp.version += 1
        self.snapshot.expires, self.timestamp.expires = self.now + 7 * DAY, self.now + DAY
        self.publish_snapshot()

    def release_next(self) -> None:
        """The release as it is now, one version on."""
        self.release.version += 1
        self.put(task_role(TASK), self.release)
        self.step()

    def next_targets(self) -> None:
        """Targets one version on, with the keys there are, and what belongs to them."""
        self.targets.version += 1
        self.name_keys()
        self.put("targets", self.targets)
        self.step()

    def seal(self, version: int, **changed: Any) -> bytes:
        """An assignment of nothing, by the keys there are."""
        return seal(assignment(version, **changed), self.signers[ASSIGNMENTS])

    def put(self, role: str, metadata: Any, *signers: CryptoSigner) -> None:
        made: Metadata[Any] = Metadata(metadata)
        for signer in signers or self.signers[role]:
            made.sign(signer, append=True)
        name = "timestamp.json" if role == "timestamp" else f"{metadata.version}.{role}.json"
        self.published[name] = made.to_bytes()

    # ---- what a client is given

    def tell_time(self, nonce: str) -> bytes:
        signature = self.signers["timestamp"][0].sign(time_text(TENANT, nonce, self.now))
        return SignedTime(
            tenant=TENANT, nonce=nonce, at=self.now, keyid=signature.keyid, signature=signature.signature
        ).bytes()

    def edit(self, name: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Change a published file's document, and sign nothing."""
        document = json.loads(self.published[name])
        change(document)
        self.published[name] = json.dumps(document).encode()

    def _fetch(self, url: str) -> Iterator[bytes]:
        parts = urlsplit(url)
        name = unquote(parts.path.rpartition("/")[2])
        self.fetched.append(name)
        if name == "time":
            data = self.tell_time(parse_qs(parts.query)["nonce"][0])
        elif name in self.published or name in self.pieces:
            data = self.published.get(name, b"")
        else:
            raise DownloadHTTPError(f"{url}: HTTP status 404", 404)
        return self.pieces.get(name, self.pieces.get(None, whole))(data)


def assignment(version: int, **changed: Any) -> Assignment:
    """One for cam-01, of a task that the cloud answers."""
    given: dict[str, Any] = {
        "tenant": TENANT,
        "device": DEVICE,
        "version": version,
        "issued_at": NOW.isoformat(),
        "tasks": {TASK: AssignedTask(contestants=(AssignedContestant(name="cloud", where="cloud"),))},
    }
    return Assignment(**given | changed)


def whole(data: bytes) -> Iterator[bytes]:
    """As it is."""
    yield data
