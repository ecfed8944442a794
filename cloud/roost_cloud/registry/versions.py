"""Versions of bundles: published once, for ever the same, deleted only when nothing points at them.

A deleted version leaves its row, so that its name never comes to mean another bundle, and lineage through it stays
readable. The same bundle may be published again under it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete as delete_rows
from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from roost_cloud.db import Database
from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import Alias, BundleBlob, BundleVersion
from roost_cloud.errors import NotFoundError
from roost_cloud.objects import ObjectStore
from roost_cloud.people import audit
from roost_cloud.registry import blobs
from roost_cloud.registry.candidate import Candidate
from roost_cloud.registry.errors import InUseError, TakenError
from roost_cloud.registry.reference import Reference
from roost_cloud.registry.use import check_unassigned, check_unreleased, check_unrolled, check_unused
from roost_cloud.trust.online_keys import OnlineKeys
from roost_shared.bundle import BundleConfig

__all__ = [
    "BundleSummary",
    "delete",
    "find",
    "get",
    "insert",
    "lock",
    "manifest_of",
    "names",
    "page",
    "publish",
    "read_config",
]


class BundleSummary(NamedTuple):
    """A bundle's name, and what there is of it."""

    name: str
    versions: int
    updated_at: datetime


def publish(
    database: Database,
    store: ObjectStore,
    *,
    tenant: str,
    name: str,
    version: str,
    manifest: bytes,
    actor: str,
    now: datetime,
) -> tuple[BundleVersion, bool]:
    """Make a version of a manifest whose blobs are here. Commits by itself: the store is read in between.

    Returns:
        The version, and whether it is new.

    Raises:
        BundleError: the manifest or the bundle's document is wrong.
        BundleNameError: the bundle says another name or version of itself.
        BlobsMissingError, BlobSizeError: blobs are missing, or other than the manifest says.
        TakenError: that version is another bundle, or was.
        StoreUnavailableError, StoreFailedError: the store failed; nothing was made.
    """
    candidate = Candidate.of(manifest)
    with database.read() as session:
        row = session.get(BundleVersion, (tenant, name, version))
        if row is not None and _is_published(row, candidate):
            return row, False
    with database.begin() as session:  # holding takes a lock
        blobs.hold(session, tenant, candidate.sizes)
    config = read_config(store, tenant, candidate)
    candidate.check_name(config, name, version)
    with database.begin() as session:
        blobs.hold(session, tenant, candidate.sizes)
        return insert(session, tenant, candidate, config, actor=actor, now=now)


def get(session: Session, tenant: str, name: str, version: str) -> BundleVersion:
    """A version.

    Raises:
        NotFoundError: the tenant has none of that name, or deleted it.
    """
    return _alive(session.get(BundleVersion, (tenant, name, version)), name, version)


def lock(session: Session, tenant: str, name: str, version: str) -> BundleVersion:
    """A version that nobody deletes until the transaction ends.

    Raises:
        NotFoundError: as `get`.
    """
    return _alive(session.get(BundleVersion, (tenant, name, version), with_for_update=True), name, version)


def find(session: Session, tenant: str, digest: str) -> BundleVersion | None:
    """The version whose manifest has that digest, the oldest of several; None if the tenant has none."""
    of_digest = (BundleVersion.tenant == tenant, BundleVersion.digest == digest, BundleVersion.deleted_at.is_(None))
    return session.scalars(select(BundleVersion).where(*of_digest).order_by(BundleVersion.created_at).limit(1)).first()


def manifest_of(session: Session, tenant: str, digest: str) -> bytes:
    """The manifest of that digest; whoever published the same bundle under several names has one.

    Raises:
        NotFoundError: the tenant has none, or deleted all versions that had it.
    """
    found = find(session, tenant, digest)
    if found is None:
        raise NotFoundError("manifest", digest)
    return found.manifest


def names(session: Session, tenant: str, *, limit: int, after: str | None = None) -> list[BundleSummary]:
    """Bundles by name, behind `after`, at most `limit`."""
    query = (
        select(BundleVersion.name, func.count(), func.max(BundleVersion.created_at))
        .where(BundleVersion.tenant == tenant, BundleVersion.deleted_at.is_(None))
        .group_by(BundleVersion.name)
        .order_by(BundleVersion.name)
        .limit(limit)
    )
    if after is not None:
        query = query.where(BundleVersion.name > after)
    return [BundleSummary(*row) for row in session.execute(query)]


def page(session: Session, tenant: str, name: str, *, limit: int, after: str | None = None) -> Sequence[BundleVersion]:
    """A bundle's versions, the newest first, behind `after`, at most `limit`.

    Raises:
        NotFoundError: `after` never was a version.
    """
    query = select(BundleVersion).where(BundleVersion.tenant == tenant, BundleVersion.name == name)
    query = query.where(BundleVersion.deleted_at.is_(None))
    if after is not None:
        last = session.get(BundleVersion, (tenant, name, after))  # deleted meanwhile, it still marks the place
        if last is None:
            raise NotFoundError("bundle version", f"{name}:{after}")
        place = tuple_(BundleVersion.created_at, BundleVersion.version)
        query = query.where(place < tuple_(last.created_at, last.version))
    order = (BundleVersion.created_at.desc(), BundleVersion.version.desc())
    return session.scalars(query.order_by(*order).limit(limit)).all()


def delete(
    session: Session, store: ObjectStore, keys: OnlineKeys, name: str, version: str, *, actor: str, now: datetime
) -> list[str]:
    """Delete a version. Its children do not stand in the way: each holds all its blobs itself, and the row stays.

    Args:
        session: to write with.
        store: has the tenant's TUF repository.
        keys: the tenant's.
        name: the bundle's.
        version: which.
        actor: who does it.
        now: when.

    Returns:
        Digests of its blobs, which a collection may now remove.

    Raises:
        NotFoundError: as `get`.
        InUseError: an alias points at it, a task names it, a rollout needs it, it is released, or assigned to
            a device.
        TrustDamagedError: whether it is released cannot be told.
    """
    tenant = keys.tenant
    row = lock(session, tenant, name, version)
    aliases = select(Alias.alias).where(Alias.tenant == tenant, Alias.name == name, Alias.version == version)
    pointing = list(session.scalars(aliases.order_by(Alias.alias)))
    if pointing:
        raise InUseError(f"{name}:{version} is what {', '.join(pointing)} points at: move or delete that alias first")
    check_unused(session, tenant, Reference(name, ":", version))
    check_unassigned(session, row)
    check_unrolled(session, row)
    check_unreleased(session, store, keys, row)
    of_version = (BundleBlob.tenant == tenant, BundleBlob.name == name, BundleBlob.version == version)
    digests = list(session.scalars(select(BundleBlob.digest).where(*of_version)))
    session.execute(delete_rows(BundleBlob).where(*of_version))
    row.deleted_at = now
    audit.record(
        session,
        tenant=tenant,
        actor=actor,
        action="bundle.delete",
        subject=f"{name}:{version}",
        now=now,
        digest=row.digest,
    )
    return digests


def _is_published(row: BundleVersion, candidate: Candidate) -> bool:
    """Whether that version is this bundle already; False if it was, and was deleted.

    Raises:
        TakenError: it is or was another.
    """
    if row.digest != candidate.digest:
        state = "is" if row.deleted_at is None else "was"
        raise TakenError(f"{row.name}:{row.version} {state} {row.digest}: give another bundle another version")
    return row.deleted_at is None


def read_config(store: ObjectStore, tenant: str, candidate: Candidate) -> BundleConfig:
    """A bundle's own document, from the object store.

    Raises:
        BundleError: what is kept there is none, or another.
        StoreUnavailableError, StoreFailedError, ObjectNotFoundError: the store does not give it.
    """
    with store.open(blobs.blob_key(tenant, candidate.config_digest), length_bytes=candidate.config_bytes) as reader:
        return candidate.read_config(reader.read())


def insert(
    session: Session, tenant: str, candidate: Candidate, config: BundleConfig, *, actor: str, now: datetime
) -> tuple[BundleVersion, bool]:
    """Make a version of a bundle whose blobs are held, by `blobs.hold`, in the same transaction.

    Args:
        session: to write with.
        tenant: whose.
        candidate: the bundle's manifest.
        config: its document.
        actor: who publishes it.
        now: when.

    Returns:
        The version, and whether it is new.

    Raises:
        TakenError: that version is another bundle, or was.
    """
    inserted = insert_absent(
        session,
        BundleVersion,
        tenant=tenant,
        name=config.name,
        version=config.version,
        digest=candidate.digest,
        manifest=candidate.data,
        size_bytes=candidate.size_bytes,
        task=config.task,
        parent_digest=config.parent,
        training_run=config.training_run,
        created_at=now,
        created_by=actor,
    )
    row = session.get(BundleVersion, (tenant, config.name, config.version), with_for_update=True)
    assert row is not None  # noqa: S101 - these rows are never removed
    if not inserted:
        if _is_published(row, candidate):
            return row, False
        row.deleted_at = None
        row.created_at, row.created_by = now, actor
    session.add_all(
        BundleBlob(tenant=tenant, name=row.name, version=row.version, digest=digest) for digest in candidate.sizes
    )
    audit.record(
        session,
        tenant=tenant,
        actor=actor,
        action="bundle.push",
        subject=f"{row.name}:{row.version}",
        now=now,
        digest=row.digest,
    )
    return row, True


def _alive(row: BundleVersion | None, name: str, version: str) -> BundleVersion:
    if row is None or row.deleted_at is not None:
        raise NotFoundError("bundle version", f"{name}:{version}")
    return row
