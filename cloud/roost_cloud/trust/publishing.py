"""An accepted version of somebody's metadata made the newest: files first, then what names them, the timestamp last.

One change at a time: a row's lock is held from reading what there is to the last file, so versions go up by one and
every device sees one state or the next. Whoever dies in between leaves files that nobody names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from roost_cloud.db import Database
from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import BundleVersion, TrustRepository
from roost_cloud.objects import ObjectStore
from roost_cloud.people import audit
from roost_cloud.registry.reference import BadReferenceError, parse_reference
from roost_cloud.trust.acceptance import (
    ManifestFacts,
    accept_release,
    accept_root,
    accept_targets,
    changed_paths,
    parse_metadata,
)
from roost_cloud.trust.errors import NoTrustError, TrustDamagedError, VersionTakenError
from roost_cloud.trust.freshness import SNAPSHOT_LIFE, TIMESTAMP_LIFE, is_due, next_snapshot, next_timestamp
from roost_cloud.trust.online_keys import OnlineKeys
from roost_cloud.trust.standing import Standing, metadata_key, read_standing
from roost_shared.digest import digest_of, hex_of
from roost_shared.trust.names import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, file_name, task_role

__all__ = ["Publisher", "manifest_facts", "tenants_with_trust"]

_Signed = TypeVar("_Signed", Snapshot, Timestamp)


@dataclass(frozen=True)
class Publisher:
    """Changes one tenant's repository. Every method commits by itself, and raises what stores and databases raise.

    Args:
        database: knows the root.
        store: holds the files.
        keys: of the tenant, online.
        actor: who does it.
        now: the time.
    """

    database: Database
    store: ObjectStore
    keys: OnlineKeys
    actor: str
    now: datetime

    def root(self, data: bytes) -> bool:
        """Make a root the newest; the first one begins the repository.

        Returns:
            Whether it was not there already.

        Raises:
            MetadataRefusedError, VersionTakenError: it may not.
            TrustDamagedError: what there is is not what was put there.
        """
        with self.database.begin() as session:
            row = self._lock(session)
            standing = None if row is None else read_standing(self.store, self.keys, row)
            if standing is not None and standing.root == data:
                self._seal(session, row, data)  # which the database may not have heard of
                return False
            current = None if standing is None else standing.trusted_root
            metadata = accept_root(data, current, online=self._online(), now=self.now)
            self._seal(session, row, data)  # first: of two who begin a repository, one gets no further
            if standing is not None and current is not None and standing.snapshot is not None:
                # Signed for the old root and the new: there is no moment at which a device believes neither.
                self._sign_anew(standing, (current, metadata.signed))
            self._put(ROOT, metadata.signed.version, data)
            self._record(session, "trust.root", self.keys.tenant, metadata.signed, digest=digest_of(data))
        return True

    def targets(self, data: bytes) -> bool:
        """Make top-level targets the newest; see `root`.

        Raises:
            NoTrustError: there is no root.
            MetadataRefusedError, VersionTakenError, TrustDamagedError: as `root`.
        """
        with self.database.begin() as session:
            standing = self._standing(session)
            if standing.read(TARGETS) == data:
                return False
            metadata = accept_targets(data, standing.trusted_root, standing.newest(TARGETS), now=self.now)
            self._publish(standing, TARGETS, metadata.signed.version, data)
            roles = metadata.signed.delegations.roles if metadata.signed.delegations is not None else None
            self._record(session, "trust.targets", self.keys.tenant, metadata.signed, roles=sorted(roles or {}))
        return True

    def release(self, task: str, data: bytes) -> bool:
        """Make a task's releases the newest; see `root`.

        Raises:
            NoTrustError: there are no targets.
            MetadataRefusedError, VersionTakenError, TrustDamagedError: as `root`.
        """
        role = task_role(task)
        with self.database.begin() as session:
            standing = self._standing(session)
            targets = standing.targets(TARGETS)
            if targets is None:
                raise NoTrustError("releaser of task", task)
            if standing.read(role) == data:
                return False
            current = standing.targets(role)
            before: Mapping[str, object] = {} if current is None else current.signed.targets
            changed = changed_paths(data, task, None if current is None else current.signed)
            facts = {path: manifest_facts(session, self.keys.tenant, task, path) for path in changed}
            metadata = accept_release(task, data, targets.signed, standing.newest(role), changed=facts, now=self.now)
            self._publish(standing, role, metadata.signed.version, data)
            gone = sorted(before.keys() - metadata.signed.targets.keys())
            self._record(session, "trust.release", task, metadata.signed, released=changed, withdrawn=gone)
        return True

    def refresh(self) -> bool:
        """Sign snapshot and timestamp anew if it is time; nothing else changes.

        Returns:
            Whether it was.

        Raises:
            TrustDamagedError: as `root`.
        """
        with self.database.begin() as session:
            row = self._lock(session)
            if row is None:
                return False
            standing = read_standing(self.store, self.keys, row)
            if standing.timestamp is None or standing.listing is None:
                return False
            root = (standing.trusted_root,)
            if is_due(standing.listing, SNAPSHOT_LIFE, self.now):
                self._sign_anew(standing, root)
            elif is_due(standing.timestamp.signed, TIMESTAMP_LIFE, self.now):
                assert standing.snapshot is not None  # noqa: S101 - it was read
                self._point(standing, standing.listing.version, standing.snapshot, root)
            else:
                return False
        return True

    # ---- files

    def _publish(self, standing: Standing, role: str, version: int, data: bytes) -> None:
        self._put(role, version, data)
        self._sign_anew(standing, (standing.trusted_root,), {role: (version, data)})

    def _sign_anew(
        self, standing: Standing, roots: tuple[Root, ...], changed: Mapping[str, tuple[int, bytes]] | None = None
    ) -> None:
        snapshot = next_snapshot(standing.listing, changed or {}, self.now)
        data = self._signed(SNAPSHOT, snapshot, roots)
        self._put(SNAPSHOT, snapshot.version, data)
        self._point(standing, snapshot.version, data, roots)

    def _point(self, standing: Standing, version: int, snapshot: bytes, roots: tuple[Root, ...]) -> None:
        current = None if standing.timestamp is None else standing.timestamp.signed
        timestamp = next_timestamp(current, (version, snapshot), self.now)
        self._put(TIMESTAMP, timestamp.version, self._signed(TIMESTAMP, timestamp, roots))

    def _signed(self, role: str, signed: _Signed, roots: tuple[Root, ...]) -> bytes:
        """Signed by every key of ours that any of the roots names."""
        metadata = Metadata(signed)
        named = {keyid for root in roots for keyid in root.roles[role].keyids}
        for signer in self.keys.signers(role):
            if signer.public_key.keyid in named:
                metadata.sign(signer, append=True)
        if not metadata.signatures:
            raise TrustDamagedError(f"we have no key that {self.keys.tenant}'s root names for {role}")
        return metadata.to_bytes()

    def _put(self, role: str, version: int, data: bytes) -> None:
        self.store.put(metadata_key(self.keys.tenant, file_name(role, version)), data)

    # ---- rows

    def _lock(self, session: Session) -> TrustRepository | None:
        return session.get(TrustRepository, self.keys.tenant, with_for_update=True)

    def _standing(self, session: Session) -> Standing:
        row = self._lock(session)
        if row is None:
            raise NoTrustError("root of trust of tenant", self.keys.tenant)
        return read_standing(self.store, self.keys, row)

    def _seal(self, session: Session, row: TrustRepository | None, data: bytes) -> None:
        version, digest = parse_metadata(Root, ROOT, data).signed.version, digest_of(data)
        seal = self.keys.seal(version, digest)
        if row is not None:
            row.root_version, row.root_digest, row.seal = version, digest, seal
        elif not insert_absent(
            session, TrustRepository, tenant=self.keys.tenant, root_version=version, root_digest=digest, seal=seal
        ):
            raise VersionTakenError(ROOT, version, version)

    def _online(self) -> dict[str, list[str]]:
        roles = (SNAPSHOT, TIMESTAMP)
        return {role: [signer.public_key.keyid for signer in self.keys.signers(role)] for role in roles}

    def _record(
        self, session: Session, action: str, subject: str, signed: Root | Targets, **detail: str | list[str]
    ) -> None:
        audit.record(
            session,
            tenant=self.keys.tenant,
            actor=self.actor,
            action=action,
            subject=subject,
            now=self.now,
            version=signed.version,
            expires=signed.expires.isoformat(),
            **detail,
        )


def tenants_with_trust(session: Session) -> list[str]:
    """Tenants that have a repository, by name."""
    return list(session.scalars(select(TrustRepository.tenant).order_by(TrustRepository.tenant)))


def manifest_facts(session: Session, tenant: str, task: str, path: str) -> ManifestFacts | None:
    """What the registry knows of the manifest that a target's path names; None if it has none such for that task."""
    prefix, _, reference = path.partition("/")
    try:
        name, sign, version = parse_reference(reference)
    except BadReferenceError:
        return None
    row = session.get(BundleVersion, (tenant, name, version)) if sign == ":" and prefix == task else None
    if row is None or row.deleted_at is not None or row.task != task:
        return None
    return ManifestFacts(len(row.manifest), hex_of(row.digest))
