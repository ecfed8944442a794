"""Blobs a tenant has, and where their bytes are."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import Blob
from roost_cloud.errors import NotFoundError
from roost_cloud.objects import build_key
from roost_cloud.registry.errors import BlobSizeError, BlobsMissingError
from roost_shared.digest import hex_of

__all__ = ["blob_key", "find", "get", "hold", "lock"]


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
