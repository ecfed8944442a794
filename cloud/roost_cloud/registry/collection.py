"""Removing what nobody refers to: blobs, stale uploads, and objects that crashes left without a row.

Safe beside pushes. A push is told "that blob is here" only under the lock of the blob's row, which notes the time;
for `GRACE` after that the blob stays, referred to or not. Removal takes two transactions:

    1. the row is condemned: from now on nobody is told that the blob is here
    2. under the row's lock the object goes, and then the row

Whoever dies in between leaves a condemned row, which promises nothing, and which the next collection ends. An object
without a row gets a condemned row first, so that it goes the same way, and not while an upload makes a row of it.

The audit has one entry for each tenant of whom something was removed, also if the store failed in the middle. It is
written after the removals, which have a transaction each: a crash right then loses the entry.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from roost_cloud.db import Database
from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import Blob, BlobUpload, BundleBlob, Tenant
from roost_cloud.objects import ObjectInfo, ObjectStore
from roost_cloud.people import audit
from roost_cloud.registry import blobs, uploads

__all__ = ["GRACE", "Collected", "collect", "collect_blobs"]

GRACE: Final = timedelta(days=1)  # a push has as long from "that blob is here" to its version
_LOST_AFTER: Final = timedelta(days=7)  # no upload to the store takes as long, of whatever room
_BATCH: Final = 500


class Collected(NamedTuple):
    """What a collection removed."""

    blobs: int = 0
    blob_bytes: int = 0
    uploads: int = 0
    """That went stale."""
    orphans: int = 0
    """Objects without a row."""


def collect(database: Database, store: ObjectStore, now: datetime, *, actor: str) -> Collected:
    """Collect everything, of every tenant. Any number may run at once, beside pushes. Commits by itself.

    Args:
        database: of the rows.
        store: of the objects.
        now: the time.
        actor: on whose behalf, for the audit.

    Raises:
        StoreUnavailableError, StoreFailedError: the store failed; the next collection goes on.
    """
    with database.read() as session:
        tenants = list(session.scalars(select(Tenant.name).order_by(Tenant.name)))
    done = [
        _count(database, tenant, _remove_all(database, store, tenant, now), actor=actor, now=now) for tenant in tenants
    ]
    store.sweep(before=now - _LOST_AFTER)
    return _total(done)


def collect_blobs(
    database: Database,
    store: ObjectStore,
    tenant: str,
    now: datetime,
    *,
    actor: str,
    only: Iterable[str] | None = None,
) -> Collected:
    """Remove a tenant's blobs that no version refers to and no push relies on. Commits by itself.

    Args:
        database: of the rows.
        store: of the objects.
        tenant: whose.
        now: the time.
        actor: on whose behalf, for the audit.
        only: digests to look at; None for all.

    Raises:
        StoreUnavailableError, StoreFailedError: the store failed; the next collection goes on.
    """
    return _count(database, tenant, _remove_blobs(database, store, tenant, now, only), actor=actor, now=now)


def _count(database: Database, tenant: str, removals: Iterator[Collected], *, actor: str, now: datetime) -> Collected:
    """Let removals happen, and write down what they were."""
    done: list[Collected] = []
    try:
        done.extend(removals)
    finally:  # what was removed was removed, whatever went wrong then
        total = _total(done)
        if any(total):
            with database.begin() as session:
                audit.record(
                    session,
                    tenant=tenant,
                    actor=actor,
                    action="registry.collect",
                    subject=tenant,
                    now=now,
                    **total._asdict(),
                )
    return total


def _total(parts: Iterable[Collected]) -> Collected:
    return Collected(*map(sum, zip(Collected(), *parts, strict=True)))


def _remove_all(database: Database, store: ObjectStore, tenant: str, now: datetime) -> Iterator[Collected]:
    yield from _discard_stale(database, store, tenant, now)
    yield from _remove_staged(database, store, tenant, now)
    yield from _remove_unnamed(database, store, tenant, now)
    yield from _remove_blobs(database, store, tenant, now)


def _remove_blobs(
    database: Database, store: ObjectStore, tenant: str, now: datetime, only: Iterable[str] | None = None
) -> Iterator[Collected]:
    query = select(Blob.digest).where(Blob.tenant == tenant, _is_collectable(now))
    if only is not None:
        query = query.where(Blob.digest.in_(list(only)))
    with database.read() as session:
        found = list(session.scalars(query))
    for digest in found:
        with database.begin() as session:
            condemned = _condemn(session, tenant, digest, now)
        if condemned and (blob := _remove(database, store, tenant, digest)) is not None:
            yield Collected(blobs=1, blob_bytes=blob.size_bytes)


def _is_collectable(now: datetime) -> ColumnElement[bool]:
    referred = exists().where(BundleBlob.tenant == Blob.tenant, BundleBlob.digest == Blob.digest)
    return or_(Blob.condemned_at.is_not(None), (Blob.touched_at < now - GRACE) & ~referred)


def _condemn(session: Session, tenant: str, digest: str, now: datetime) -> bool:
    """Mark a blob, unless somebody came to rely on it since it was found."""
    blob = blobs.lock(session, tenant, digest)
    if blob is None:
        return False
    # Asked anew under the lock: only a statement that begins after it is sure to see who had it before us.
    query = select(Blob.digest).where(Blob.tenant == tenant, Blob.digest == digest, _is_collectable(now))
    if session.scalar(query) is None:
        return False
    blob.condemned_at = blob.condemned_at or now
    return True


def _remove(database: Database, store: ObjectStore, tenant: str, digest: str) -> Blob | None:
    """End a condemned blob; its former row, if it was ours to end.

    The store is asked under the lock: an object must not go after somebody has promised it anew. It is one request,
    with nothing to be copied.
    """
    with database.begin() as session:
        blob = blobs.lock(session, tenant, digest)
        if blob is None or blob.condemned_at is None:  # another collection's, or brought again meanwhile
            return None
        store.delete(blobs.blob_key(tenant, digest))
        session.delete(blob)
        return blob


def _discard_stale(database: Database, store: ObjectStore, tenant: str, now: datetime) -> Iterator[Collected]:
    with database.read() as session:
        query = select(BlobUpload).where(BlobUpload.tenant == tenant, BlobUpload.touched_at < now - GRACE)
        stale = list(session.scalars(query))
    for upload in stale:
        uploads.discard(database, store, upload)
        yield Collected(uploads=1)


def _remove_staged(database: Database, store: ObjectStore, tenant: str, now: datetime) -> Iterator[Collected]:
    """Remove assembled uploads without a row. Whoever is about to move one finds it gone, and begins again."""
    for batch in _old_objects(store, f"{tenant}/{uploads.STAGING}/", now):
        with database.read() as session:
            known = set(session.scalars(select(BlobUpload.id).where(BlobUpload.id.in_(batch))))
        for identity in batch.keys() - known:
            store.delete(batch[identity].key)
            yield Collected(orphans=1)


def _remove_unnamed(database: Database, store: ObjectStore, tenant: str, now: datetime) -> Iterator[Collected]:
    """Remove objects at a blob's place that no row names."""
    for batch in _old_objects(store, f"{tenant}/blobs/sha256/", now):
        digests = {f"sha256:{name}": info for name, info in batch.items()}
        with database.read() as session:
            known = set(session.scalars(select(Blob.digest).where(Blob.tenant == tenant, Blob.digest.in_(digests))))
        for digest in digests.keys() - known:
            with database.begin() as session:
                insert_absent(
                    session,
                    Blob,
                    tenant=tenant,
                    digest=digest,
                    size_bytes=digests[digest].size_bytes,
                    created_at=now,
                    touched_at=now,
                    condemned_at=now,
                )
            if _remove(database, store, tenant, digest) is not None:
                yield Collected(orphans=1)


def _old_objects(store: ObjectStore, prefix: str, now: datetime) -> Iterator[dict[str, ObjectInfo]]:
    """Objects last changed before the grace, by the last level of their key, in batches."""
    batch: dict[str, ObjectInfo] = {}
    for info in store.list_objects(prefix):
        if info.modified_at < now - GRACE:
            batch[info.key.removeprefix(prefix)] = info
        if len(batch) >= _BATCH:
            yield batch
            batch = {}
    if batch:
        yield batch
