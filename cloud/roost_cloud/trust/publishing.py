"""An accepted version of somebody's metadata made the newest: files first, then what names them, the timestamp last.

One change at a time: a row's lock is held from reading what there is to the last file, so versions go up by one and
every device sees one state or the next. Whoever dies in between leaves files that nobody names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session
from tuf.api.metadata import Metadata, Root, TargetFile, Targets

from roost_cloud.db import Database
from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import TrustRepository
from roost_cloud.objects import ObjectStore
from roost_cloud.people import audit
from roost_cloud.trust import drafts
from roost_cloud.trust.acceptance import (
    accept_release,
    accept_root,
    accept_targets,
    changed_paths,
    parse_metadata,
)
from roost_cloud.trust.errors import MetadataRefusedError, NoTrustError, VersionTakenError
from roost_cloud.trust.filing import Filing
from roost_cloud.trust.freshness import (
    RELEASE_LIFE,
    SNAPSHOT_LIFE,
    TIMESTAMP_LIFE,
    is_due,
)
from roost_cloud.trust.manifests import manifest_facts
from roost_cloud.trust.online_keys import OnlineKeys
from roost_cloud.trust.queries import delegated_keyids
from roost_cloud.trust.standing import Standing, read_standing
from roost_shared.digest import digest_of
from roost_shared.trust.names import ASSIGNMENTS, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, task_of_role, task_role

__all__ = ["Publisher"]


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
                self._filing.sign_anew(standing, (current, metadata.signed))
            self._filing.put(ROOT, metadata.signed.version, data)
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
            metadata = accept_targets(
                data,
                standing.trusted_root,
                standing.newest(TARGETS),
                assignments=self._keyids(ASSIGNMENTS),
                now=self.now,
            )
            self._filing.publish(standing, {TARGETS: (metadata.signed.version, data)})
            self._record(session, "trust.targets", self.keys.tenant, metadata.signed, roles=_delegated_roles(metadata))
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
            self._filing.publish(standing, {role: (metadata.signed.version, data)})
            gone = sorted(before.keys() - metadata.signed.targets.keys())
            self._record(session, "trust.release", task, metadata.signed, released=changed, withdrawn=gone)
        return True

    def release_online(self, task: str, *, add: Sequence[str] = (), withdraw: Sequence[str] = ()) -> bool:
        """Release by the cloud's own key, where the task's people have said that it may; see `root`.

        Args:
            task: whose bundles.
            add: bundles to release, `NAME:VERSION`.
            withdraw: bundles to release no more.

        Raises:
            NoTrustError: there are no targets.
            MetadataRefusedError: the cloud may not release for that task, or the registry lacks a bundle.
            TrustDamagedError: as `root`.
        """
        role = task_role(task)
        with self.database.begin() as session:
            standing = self._standing(session)
            targets = standing.targets(TARGETS)
            if targets is None:
                raise NoTrustError("releaser of task", task)
            current = standing.targets(role)
            before = {} if current is None else current.signed.targets
            paths = [f"{task}/{reference}" for reference in add]
            after = drafts.released(
                None if current is None else current.signed,
                add=[self._target(session, task, path) for path in paths],
                withdraw=[f"{task}/{reference}" for reference in withdraw],
                expires=self.now + RELEASE_LIFE,
            )
            if current is not None and after.targets == before and _is_signed(targets.signed, role, current):
                return False
            data = self._signed_release(targets.signed, task, after)
            accept_release(task, data, targets.signed, standing.newest(role), changed={}, now=self.now)
            self._filing.publish(standing, {role: (after.version, data)})
            changed = sorted(path for path, target in after.targets.items() if before.get(path) != target)
            gone = sorted(before.keys() - after.targets.keys())
            self._record(session, "trust.release", task, after, released=changed, withdrawn=gone)
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
            renewed = self._renewed_releases(standing)
            if renewed or is_due(standing.listing, SNAPSHOT_LIFE, self.now):
                self._filing.publish(standing, renewed)
            elif is_due(standing.timestamp.signed, TIMESTAMP_LIFE, self.now):
                assert standing.snapshot is not None  # noqa: S101 - it was read
                self._filing.point(standing, standing.listing.version, standing.snapshot, root)
            else:
                return False
        return True

    # ---- what the cloud releases by itself

    def _target(self, session: Session, task: str, path: str) -> TargetFile:
        facts = manifest_facts(session, self.keys.tenant, task, path)
        if facts is None:
            raise MetadataRefusedError(f"{path} is no manifest that the registry has for task {task}")
        return TargetFile(facts.length, {"sha256": facts.sha256}, path)

    def _signed_release(self, delegator: Targets, task: str, release: Targets) -> bytes:
        named = delegated_keyids(delegator, task_role(task))
        metadata = Metadata(release)
        for signer in self.keys.signers(task_role(task)):
            if signer.public_key.keyid in named:
                metadata.sign(signer, append=True)
        if not metadata.signatures:
            raise MetadataRefusedError(f"people release for task {task}, and the cloud does not: `roost trust sign`")
        return metadata.to_bytes()

    def _renewed_releases(self, standing: Standing) -> dict[str, tuple[int, bytes]]:
        """Releases that the cloud signs, those of which half of their life has passed, signed anew."""
        targets = standing.targets(TARGETS)
        renewed: dict[str, tuple[int, bytes]] = {}
        for role in _delegated_roles(targets):
            task, current = task_of_role(role), standing.targets(role)
            if task is None or current is None or targets is None or not self.keys.signers(role):
                continue
            if is_due(current.signed, RELEASE_LIFE, self.now) and self._is_ours(targets.signed, role):
                after = drafts.renewed(current.signed, self.now + RELEASE_LIFE)
                renewed[role] = after.version, self._signed_release(targets.signed, task, after)
        return renewed

    def _is_ours(self, delegator: Targets, role: str) -> bool:
        """Whether the cloud's keys are enough to release for a task."""
        ours = {signer.public_key.keyid for signer in self.keys.signers(role)}
        threshold = delegator.get_delegated_role(role).threshold
        return len(ours & delegated_keyids(delegator, role)) >= threshold

    # ---- rows

    @property
    def _filing(self) -> Filing:
        return Filing(self.store, self.keys, self.now)

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
        return {role: self._keyids(role) for role in (SNAPSHOT, TIMESTAMP, ASSIGNMENTS)}

    def _keyids(self, role: str) -> list[str]:
        """Of the keys that the cloud has for a role."""
        return [signer.public_key.keyid for signer in self.keys.signers(role)]

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


def _delegated_roles(targets: Metadata[Targets] | None) -> list[str]:
    delegations = None if targets is None else targets.signed.delegations
    return [] if delegations is None else sorted(delegations.roles or {})


def _is_signed(delegator: Targets, role: str, metadata: Metadata[Targets]) -> bool:
    return bool(delegated_keyids(delegator, role)) and bool(
        delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    )
