"""Blobs on their way: begun once, gone on with by whoever wants the same bytes there, and at last completed.

Parts are with the object store, so nothing but the row is needed to go on after a crash of either side. An upload
goes through these, and may stop for good at any of them:

    store's upload, and row → parts → one staged object → hashed → moved to the blob's key → the blob's row

No two uploads have one staged object, and the store makes it once: what was hashed is what is moved. Nothing that may
take long is done within a transaction, where on SQLite everybody else would wait: assembling, hashing and moving come
before. All that is asked of the store under a lock is whether the object is there, just after it was put there; and
a collection removes single objects so.
"""

import secrets
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db import Database
from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import Blob, BlobUpload
from roost_cloud.errors import NotFoundError
from roost_cloud.objects import ObjectNotFoundError, ObjectStore, Upload, UploadNotFoundError, build_key
from roost_cloud.objects.receiving import OfferedPart, assemble, hash_object, offer_all_parts, offer_parts
from roost_cloud.people import audit
from roost_cloud.registry import blobs
from roost_cloud.registry.errors import BlobSizeError, DigestMismatchError

__all__ = ["STAGING", "BlobOffer", "abort", "begin", "complete", "discard", "resume", "touch"]

STAGING: Final = "uploads"  # the kind of objects that parts become, until they have been hashed


class BlobOffer(NamedTuple):
    """An upload of a blob, and which of its parts are still to come."""

    upload: BlobUpload
    parts: list[OfferedPart]


def begin(
    database: Database,
    store: ObjectStore,
    *,
    tenant: str,
    digest: str,
    size_bytes: int,
    actor: str,
    now: datetime,
    anew: bool = False,
) -> BlobOffer | None:
    """Begin to bring a blob, or go on with an upload of it that somebody began.

    Commits by itself, and in steps: the store is asked in between. Dying there leaves an upload of the store's that
    nobody knows of, for a sweep. With `anew` a blob that is here is brought again, in place of what a disk may have
    made of it.

    Returns:
        None if the blob is here: it stays for a day at least, for a version to refer to it. Never with `anew`.

    Raises:
        BlobSizeError: it is here, with another size.
        TooLargeError: no store takes that much.
        StoreUnavailableError, StoreFullError, StoreFailedError: the store cannot take it now.
    """
    while True:
        with database.begin() as session:
            if _is_here(session, tenant, digest, size_bytes, now) and not anew:
                return None
            query = select(BlobUpload).where(BlobUpload.tenant == tenant, BlobUpload.digest == digest)
            found = session.scalar(query.where(BlobUpload.size_bytes == size_bytes).with_for_update())
            if found is not None:
                found.touched_at = now
        if found is not None and (parts := _offer_if_kept(store, found)) is not None:
            return BlobOffer(found, parts)
        # What the store lost begins anew under another id: nobody who still holds the old one has a say in its bytes.
        upload_id = secrets.token_hex(16)
        begun = store.begin_upload(_staging_key(tenant, upload_id), size_bytes)
        with database.begin() as session:
            if found is not None:
                _forget(session, found.id)
            fresh = insert_absent(
                session,
                BlobUpload,
                id=upload_id,
                tenant=tenant,
                digest=digest,
                size_bytes=size_bytes,
                store_upload=begun.id,
                created_at=now,
                touched_at=now,
                created_by=actor,
            )
            upload = _get(session, tenant, upload_id) if fresh else None
        if upload is not None:
            return BlobOffer(upload, offer_all_parts(store, begun))
        store.abort_upload(begun)  # somebody else was faster


def resume(database: Database, store: ObjectStore, tenant: str, upload_id: str, now: datetime) -> BlobOffer:
    """An upload that somebody goes on with, which keeps it from going stale. Commits by itself.

    Raises:
        NotFoundError: the tenant has none of that id, or the store has lost it; it may have been completed.
        StoreUnavailableError, StoreFailedError: the store cannot tell now.
    """
    with database.begin() as session:
        upload = touch(session, tenant, upload_id, now)
    parts = _offer_if_kept(store, upload)
    if parts is None:  # the store's own id of it is nothing that anybody knows
        raise NotFoundError("upload", upload_id)
    return BlobOffer(upload, parts)


def touch(session: Session, tenant: str, upload_id: str, now: datetime) -> BlobUpload:
    """Note that somebody goes on with an upload; nobody ends it until the transaction does.

    Raises:
        NotFoundError: the tenant has none of that id; it may have been completed.
    """
    upload = _get(session, tenant, upload_id, lock=True)  # what ended meanwhile could not be written to
    upload.touched_at = now
    return upload


def complete(
    database: Database, store: ObjectStore, *, tenant: str, upload_id: str, actor: str, now: datetime
) -> Blob:
    """Make a blob of an upload whose parts have all arrived; said twice, also at once, it is the same blob.

    Commits by itself, and in steps: reading a large blob to hash it takes longer than a transaction may. Whatever
    step fails, the upload is still there to be completed, or nothing of it is.

    Raises:
        NotFoundError: there is no such upload, or it was aborted meanwhile.
        MissingPartsError: parts are missing; the upload goes on.
        DigestMismatchError: the bytes are others; the upload is gone with them.
        StoreUnavailableError, StoreFullError, StoreFailedError: the store failed; complete it again.
    """
    with database.read() as session:
        upload = _get(session, tenant, upload_id)
        was_here = blobs.find(session, tenant, upload.digest) is not None
    staged = _in_store(upload)
    replaced = False
    try:
        assemble(store, staged)
        actual = hash_object(store, staged.key)
        if actual != upload.digest:
            discard(database, store, upload)
            raise DigestMismatchError(upload.digest, actual)
        store.move(staged.key, blobs.blob_key(tenant, upload.digest))
        replaced = was_here
    except ObjectNotFoundError:
        pass  # somebody else has moved or discarded it: what is at the blob's place tells
    try:
        with database.begin() as session:
            return _promise(session, store, upload, replaced=replaced, actor=actor, now=now)
    except ObjectNotFoundError as error:
        raise NotFoundError("upload", upload_id) from error


def abort(database: Database, store: ObjectStore, *, tenant: str, upload_id: str, actor: str, now: datetime) -> None:
    """Give up an upload, with the parts that arrived. Commits by itself, as `discard`.

    Raises:
        NotFoundError: the tenant has none of that id; it may have been completed.
        StoreUnavailableError, StoreFailedError: the store failed; the upload is forgotten, a sweep takes its bytes.
    """
    with database.begin() as session:
        upload = _get(session, tenant, upload_id, lock=True)
        audit.record(session, tenant=tenant, actor=actor, action="upload.abort", subject=upload.digest, now=now)
        session.delete(upload)
    _remove_bytes(store, upload)


def discard(database: Database, store: ObjectStore, upload: BlobUpload) -> None:
    """Forget an upload and its bytes. Commits by itself, the row first: a crash leaves bytes, and no promise."""
    with database.begin() as session:
        _forget(session, upload.id)
    _remove_bytes(store, upload)


def _get(session: Session, tenant: str, upload_id: str, *, lock: bool = False) -> BlobUpload:
    """An upload under way; with `lock`, one that nobody ends until the transaction does.

    Raises:
        NotFoundError: the tenant has none of that id; it may have been completed.
    """
    row = session.get(BlobUpload, upload_id, with_for_update=lock or None)
    if row is None or row.tenant != tenant:
        raise NotFoundError("upload", upload_id)
    return row


def _forget(session: Session, upload_id: str) -> None:
    row = session.get(BlobUpload, upload_id, with_for_update=True)
    if row is not None:
        session.delete(row)
        session.flush()  # before its place is taken by another


def _promise(
    session: Session, store: ObjectStore, upload: BlobUpload, *, replaced: bool, actor: str, now: datetime
) -> Blob:
    """Say from now on that the blob is here, if it is, and end its upload.

    Raises:
        ObjectNotFoundError: it is not; nothing was changed.
    """
    blob = blobs.promise(
        session, store, upload.tenant, upload.digest, upload.size_bytes, replaced=replaced, actor=actor, now=now
    )
    _forget(session, upload.id)
    return blob


def _is_here(session: Session, tenant: str, digest: str, size_bytes: int, now: datetime) -> bool:
    blob = blobs.lock(session, tenant, digest)
    if blob is None or blob.condemned_at is not None:
        return False
    if blob.size_bytes != size_bytes:
        raise BlobSizeError(digest, actual_bytes=blob.size_bytes, said_bytes=size_bytes)
    blob.touched_at = now
    return True


def _remove_bytes(store: ObjectStore, upload: BlobUpload) -> None:
    staged = _in_store(upload)
    store.abort_upload(staged)
    store.delete(staged.key)


def _offer_if_kept(store: ObjectStore, upload: BlobUpload) -> list[OfferedPart] | None:
    """What is still to come of an upload; None if the store has lost it."""
    try:
        return offer_parts(store, _in_store(upload))
    except UploadNotFoundError:
        return None


def _staging_key(tenant: str, upload_id: str) -> str:
    return build_key(tenant, STAGING, upload_id)


def _in_store(upload: BlobUpload) -> Upload:
    return Upload(_staging_key(upload.tenant, upload.id), upload.size_bytes, upload.store_upload)
