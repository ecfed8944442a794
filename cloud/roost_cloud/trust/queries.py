"""What others ask of a tenant's repository: a file, the time, who may sign what, and which root a device shall pin."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session
from tuf.api.metadata import Key, Role, Root, Signed, TargetFile, Targets

from roost_cloud.db.tables import TrustRepository
from roost_cloud.errors import NotFoundError
from roost_cloud.objects import ObjectStore
from roost_cloud.trust.acceptance import parse_metadata
from roost_cloud.trust.errors import NoTrustError, TrustDamagedError
from roost_cloud.trust.online_keys import OnlineKeys
from roost_cloud.trust.standing import Standing, check_seal, find_file, newest_root, read_standing
from roost_shared.trust.names import (
    ASSIGNMENTS,
    FILE_NAME,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    file_name,
    largest_bytes,
    task_of_role,
    task_role,
)
from roost_shared.trust.signed_time import SignedTime, time_text

__all__ = [
    "Pin",
    "RoleStatus",
    "delegated_keyids",
    "find_pin",
    "online_keyids",
    "read_file",
    "read_pinned",
    "released",
    "releasers",
    "roles",
    "shared_standing",
    "sign_time",
]


class Pin(NamedTuple):
    """The root that a device shall begin with.

    Attributes:
        version: which.
        digest: of its bytes.
    """

    version: int
    digest: str


class RoleStatus(NamedTuple):
    """What there is of a role.

    Attributes:
        name: the role's.
        keys: those that may sign for it.
        threshold: how many have to.
        version: of its newest metadata; 0 if there is none.
        expires: when that expires.
        targets: how many manifests it releases; None where it releases none by its nature.
    """

    name: str
    keys: list[Key]
    threshold: int
    version: int = 0
    expires: datetime | None = None
    targets: list[str] | None = None


def tenants_with_trust(session: Session) -> list[str]:
    """Tenants that have a repository, by name."""
    return list(session.scalars(select(TrustRepository.tenant).order_by(TrustRepository.tenant)))


def read_file(store: ObjectStore, tenant: str, file: str) -> bytes:
    """A file of the repository, as it is: who reads it checks it.

    Raises:
        NotFoundError: there is none.
    """
    role = file.removesuffix(".json").lstrip("0123456789").removeprefix(".")
    data = find_file(store, tenant, file, largest_bytes(role)) if FILE_NAME.fullmatch(file) else None
    if data is None:
        raise NotFoundError("metadata", file)
    return data


def sign_time(session: Session, store: ObjectStore, keys: OnlineKeys, nonce: str, now: datetime) -> SignedTime:
    """Answer a nonce with the time.

    Raises:
        NoTrustError: the tenant has no repository.
        TrustDamagedError: the root is not what was put there, or names no key of ours.
    """
    root = parse_metadata(Root, ROOT, newest_root(store, keys, _row(session, keys.tenant))).signed
    for signer in keys.signers(TIMESTAMP):
        if signer.public_key.keyid in root.roles[TIMESTAMP].keyids:
            signature = signer.sign(time_text(keys.tenant, nonce, now))
            return SignedTime(
                tenant=keys.tenant, nonce=nonce, at=now, keyid=signature.keyid, signature=signature.signature
            )
    raise TrustDamagedError(f"we have no key that {keys.tenant}'s root names for {TIMESTAMP}")


def online_keyids(session: Session, store: ObjectStore, keys: OnlineKeys) -> frozenset[str]:
    """The keys that root and targets name for snapshot, timestamp and assignments; none where there is no root.

    Raises:
        TrustDamagedError: the repository is not what was put there.
    """
    row = session.get(TrustRepository, keys.tenant)
    if row is None:
        return frozenset()
    standing = read_standing(store, keys, row)
    root, targets = standing.trusted_root, standing.targets(TARGETS)
    named = {keyid for role in (SNAPSHOT, TIMESTAMP) for keyid in root.roles[role].keyids}
    return frozenset(named | delegated_keyids(None if targets is None else targets.signed, ASSIGNMENTS))


def releasers(session: Session, store: ObjectStore, keys: OnlineKeys, task: str) -> frozenset[str]:
    """The keys that the newest targets name for a task; none where nobody may release for it.

    Raises:
        TrustDamagedError: the repository is not what was put there.
    """
    row = session.get(TrustRepository, keys.tenant)
    targets = None if row is None else read_standing(store, keys, row).targets(TARGETS)
    return delegated_keyids(None if targets is None else targets.signed, task_role(task))


def delegated_keyids(targets: Targets | None, role: str) -> frozenset[str]:
    """The keys that targets name for a role; none where they do not delegate it."""
    delegations = None if targets is None else targets.delegations
    found = None if delegations is None else (delegations.roles or {}).get(role)
    return frozenset(() if found is None else found.keyids)


def shared_standing(session: Session, store: ObjectStore, keys: OnlineKeys) -> Standing | None:
    """The repository as nobody changes it until the transaction ends; None if the tenant has none.

    Raises:
        TrustDamagedError: it is not what was put there.
    """
    row = session.get(TrustRepository, keys.tenant, with_for_update={"read": True})
    return None if row is None else read_standing(store, keys, row)


def released(standing: Standing, task: str, now: datetime) -> Mapping[str, TargetFile]:
    """The manifests that devices may run for a task, by target path: released by those who may, and not expired.

    Raises:
        TrustDamagedError: the repository is not what was put there.
    """
    role, targets = task_role(task), standing.targets(TARGETS)
    release = standing.targets(role)
    if targets is None or release is None or not delegated_keyids(targets.signed, role):
        return {}
    if release.signed.expires <= now or targets.signed.expires <= now:
        return {}
    believed = targets.signed.get_verification_result(role, release.signed_bytes, release.signatures)
    return release.signed.targets if believed else {}


def find_pin(session: Session, keys: OnlineKeys) -> Pin | None:
    """The root that devices enrolled from now on shall begin with; None if the tenant has none.

    Raises:
        TrustDamagedError: the database's word on it is not ours.
    """
    row = session.get(TrustRepository, keys.tenant)
    if row is None:
        return None
    check_seal(keys, row)
    return Pin(row.root_version, row.root_digest)


def read_pinned(store: ObjectStore, tenant: str, version: int) -> str:
    """A root's text, for a device that knows its digest.

    Raises:
        TrustDamagedError: it is lost.
    """
    data = find_file(store, tenant, file_name(ROOT, version), largest_bytes(ROOT))
    if data is None:
        raise TrustDamagedError(f"the store has lost {tenant}'s root {version}")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise TrustDamagedError(f"{tenant}'s root {version} is no text") from error


def roles(session: Session, store: ObjectStore, keys: OnlineKeys) -> list[RoleStatus]:
    """All roles, the most trusted first.

    Raises:
        NoTrustError: the tenant has no repository.
        TrustDamagedError: it is not what was put there.
    """
    standing = read_standing(store, keys, _row(session, keys.tenant))
    root = standing.trusted_root
    targets = standing.targets(TARGETS)
    newest: dict[str, Signed | None] = {
        ROOT: root,
        TARGETS: None if targets is None else targets.signed,
        SNAPSHOT: standing.listing,
        TIMESTAMP: None if standing.timestamp is None else standing.timestamp.signed,
    }
    found = [_status(name, root.roles[name], root, signed) for name, signed in newest.items()]
    return [*found, *(() if targets is None else _releases(standing, targets.signed))]


def _releases(standing: Standing, targets: Targets) -> Iterator[RoleStatus]:
    if targets.delegations is None:
        return
    for name, role in sorted((targets.delegations.roles or {}).items()):
        if task_of_role(name) is None:
            # Of assignments: it signs no metadata, and holds for as long as the targets that name it.
            yield _status(name, role, targets, None)._replace(version=targets.version, expires=targets.expires)
            continue
        release = standing.targets(name)
        yield _status(name, role, targets, None if release is None else release.signed)._replace(
            targets=[] if release is None else sorted(release.signed.targets)
        )


def _status(name: str, role: Role, delegator: Root | Targets, signed: Signed | None) -> RoleStatus:
    keys = [delegator.get_key(keyid) for keyid in role.keyids]
    if signed is None:
        return RoleStatus(name, keys, role.threshold)
    return RoleStatus(name, keys, role.threshold, signed.version, signed.expires)


def _row(session: Session, tenant: str) -> TrustRepository:
    row = session.get(TrustRepository, tenant)
    if row is None:
        raise NoTrustError("root of trust of tenant", tenant)
    return row
