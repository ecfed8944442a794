"""Blobs a tenant has, and where their bytes are."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import Blob, BundleBlob, BundleVersion
from roost_cloud.errors import NotFoundError
from roost_cloud.objects import ObjectStore, build_key
from roost_cloud.people import audit
from roost_cloud.registry.errors import BlobSizeError, BlobsMissingError
from roost_shared.bundle.documents import blobs_to_run, parse_manifest
from roost_shared.digest import hex_of

__all__ = ["blob_key", "find", "get", "hold", "is_reference_set", "lock", "promise"]

_LOOKED_AT: Final = 8  # versions


def blob_key(tenant: str, digest: str) -> str:
    """The object that holds a blob.

    >>> blob_key("acme", "sha256:2c26b4")
    'acme/blobs/sha256/2c26b4'
    """
    return build_key(tenant, "blobs", "sha256", hex_of(digest))


def find(session: Session, tenant: str, digest: str) -> Blob | None:
    """A blob whose object is there."""
    blob = session.get(Blob, (tenant, digest))
    return None if blob is None or blob.condemned_at is not None else blob


def get(session: Session, tenant: str, digest: str) -> Blob:
    """A blob whose object is there.

    Raises:
        NotFoundError: the tenant has none of that digest.
    """
    blob = find(session, tenant, digest)
    if blob is None:
        raise NotFoundError("blob", digest)
    return blob


def lock(session: Session, tenant: str, digest: str) -> Blob | None:
    """A blob's row, condemned or not; until the transaction ends nobody else changes it."""
    return session.get(Blob, (tenant, digest), with_for_update=True)


def hold(session: Session, tenant: str, sizes: Mapping[str, int]) -> None:
    """Make sure that blobs are there, and stay until the transaction ends.

    Args:
        session: the transaction that is going to refer to them.
        tenant: whose they are.
        sizes: in bytes, by digest.

    Raises:
        BlobsMissingError: some are not.
        BlobSizeError: one is of another size.
    """
    query = select(Blob).where(Blob.tenant == tenant, Blob.digest.in_(sizes), Blob.condemned_at.is_(None))
    # In one order for all, so that two who hold the same blobs never wait for each other.
    found = {blob.digest: blob for blob in session.scalars(query.order_by(Blob.digest).with_for_update(read=True))}
    missing = sorted(sizes.keys() - found.keys())
    if missing:
        raise BlobsMissingError(missing)
    for digest, said_bytes in sizes.items():
        if found[digest].size_bytes != said_bytes:
            raise BlobSizeError(digest, actual_bytes=found[digest].size_bytes, said_bytes=said_bytes)


def is_reference_set(session: Session, tenant: str, digest: str) -> bool:
    """Whether a blob is a reference set and nothing else, by what the newest versions that hold it say.

    It holds inputs of other devices, and no device needs it.
    """
    holding = and_(
        BundleBlob.tenant == BundleVersion.tenant,
        BundleBlob.name == BundleVersion.name,
        BundleBlob.version == BundleVersion.version,
    )
    query = select(BundleVersion.manifest).join(BundleBlob, holding)
    query = query.where(BundleBlob.tenant == tenant, BundleBlob.digest == digest)
    manifests = session.scalars(query.order_by(BundleVersion.created_at.desc()).limit(_LOOKED_AT)).all()
    read = [parse_manifest(Path("manifest"), manifest) for manifest in manifests]
    return bool(read) and all(digest not in {blob.digest for blob in blobs_to_run(one)} for one in read)


def promise(
    session: Session,
    store: ObjectStore,
    tenant: str,
    digest: str,
    size_bytes: int,
    *,
    replaced: bool = False,
    actor: str,
    now: datetime,
) -> Blob:
    """Say from now on that a blob is here, if its object is.

    Only hashed bytes are ever moved or put to a blob's place, so whoever finds an object there may say so; and it
    stays, as it is removed only under this lock.

    Args:
        session: to write with.
        store: where the object is.
        tenant: whose.
        digest: its own.
        size_bytes: that it is said to have.
        replaced: its object was put anew.
        actor: who brought it.
        now: the time.

    Raises:
        ObjectNotFoundError: it is not; nothing was changed.
    """
    blob = _locked(session, tenant, digest, size_bytes, now)
    is_new = blob.condemned_at is not None
    if is_new:
        blob.size_bytes = store.head(blob_key(tenant, digest)).size_bytes
        blob.condemned_at = None
        blob.created_at = now
    if is_new or replaced:
        audit.record(
            session,
            tenant=tenant,
            actor=actor,
            action="blob.store" if is_new else "blob.replace",
            subject=digest,
            now=now,
            bytes=blob.size_bytes,
        )
    blob.touched_at = now
    return blob


def _locked(session: Session, tenant: str, digest: str, size_bytes: int, now: datetime) -> Blob:
    """The blob's row under lock; a new one is condemned until its object is in its place."""
    while True:
        insert_absent(
            session,
            Blob,
            tenant=tenant,
            digest=digest,
            size_bytes=size_bytes,
            created_at=now,
            touched_at=now,
            condemned_at=now,
        )
        blob = lock(session, tenant, digest)
        if blob is not None:
            return blob
        # There was one, and a collection that held it has removed it.
