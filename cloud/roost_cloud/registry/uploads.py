"""Blobs on their way: begun once, gone on with by whoever wants the same bytes there, and at last completed.

Parts are with the object store, so nothing but the row is needed to go on after a crash of either side. An upload
goes through these, and may stop for good at any of them:

    store's upload, and row → parts → one staged object → hashed → moved to the blob's key → the blob's row

No two uploads have one staged object, and the store makes it once: what was hashed is what is moved. Nothing that may
take long is done within a transaction, where on SQLite everybody else would wait: assembling, hashing and moving come
before. All that is asked of the store under a lock is whether the object is there, just after it was put there; and
a collection removes single objects so.
"""

import hashlib
import secrets
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud import objects
from roost_cloud.db import Database
from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import Blob, Upload
from roost_cloud.errors import NotFoundError
from roost_cloud.objects import ObjectNotFoundError, ObjectStore, Part, UploadNotFoundError, build_key, plan_parts
from roost_cloud.people import audit
from roost_cloud.registry import blobs
from roost_cloud.registry.errors import BlobSizeError, DigestMismatchError

__all__ = [
    "URL_LIFETIME_S",
    "PartState",
    "begin",
    "complete",
    "discard",
    "get",
    "part_url",
    "parts",
    "resume",
    "staging_key",
]

URL_LIFETIME_S: Final = 3600  # of a part's URL; whoever takes longer asks for fresh ones
_READ_BYTES: Final = 1 << 20  # at a time


class PartState(NamedTuple):
    """A planned part, and whether it arrived."""

    part: Part
    done: bool


def staging_key(tenant: str, upload_id: str) -> str:
    """The object that an upload's parts become, until it has been hashed."""
    return build_key(tenant, "uploads", upload_id)


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
) -> Upload | None:
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
            query = select(Upload).where(Upload.tenant == tenant, Upload.digest == digest)
            found = session.scalar(query.where(Upload.size_bytes == size_bytes).with_for_update())
            if found is not None:
                found.touched_at = now
        if found is not None and _is_under_way(store, found):
            return found
        # What the store lost begins anew under another id: nobody who still holds the old one has a say in its bytes.
        upload_id = secrets.token_hex(16)
        begun = store.begin_upload(staging_key(tenant, upload_id), size_bytes)
        with database.begin() as session:
            if found is not None:
                _forget(session, found.id)
            fresh = insert_absent(
                session,
                Upload,
                id=upload_id,
                tenant=tenant,
                digest=digest,
                size_bytes=size_bytes,
                store_upload=begun.id,
                created_at=now,
                touched_at=now,
                created_by=actor,
            )
            if fresh:
                return get(session, tenant, upload_id)
        store.abort_upload(begun)  # somebody else was faster


def get(session: Session, tenant: str, upload_id: str, *, lock: bool = False) -> Upload:
    """An upload under way; with `lock`, one that nobody ends until the transaction does.

    Raises:
        NotFoundError: the tenant has none of that id; it may have been completed.
    """
    row = session.get(Upload, upload_id, with_for_update=lock or None)
    if row is None or row.tenant != tenant:
        raise NotFoundError("upload", upload_id)
    return row


def resume(session: Session, tenant: str, upload_id: str, now: datetime) -> Upload:
    """An upload that somebody goes on with, which keeps it from going stale.

    Raises:
        NotFoundError: as `get`.
    """
    row = get(session, tenant, upload_id, lock=True)  # what ended meanwhile could not be written to
    row.touched_at = now
    return row


def parts(store: ObjectStore, upload: Upload) -> list[PartState]:
    """Every part, and whether it arrived.

    Raises:
        UploadNotFoundError: the store has lost the upload; begin it again.
    """
    planned = plan_parts(upload.size_bytes)
    try:
        stored = {part.number: part.size_bytes for part in store.list_parts(_in_store(upload))}
    except UploadNotFoundError:
        if not _is_staged(store, upload):
            raise
        return [PartState(part, done=True) for part in planned]
    return [PartState(part, stored.get(part.number) == part.size_bytes) for part in planned]


def part_url(store: ObjectStore, upload: Upload, number: int) -> str:
    """Where to PUT a part's bytes."""
    return store.part_url(_in_store(upload), number, expires_s=URL_LIFETIME_S)


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
        upload = get(session, tenant, upload_id)
        was_here = blobs.find(session, tenant, upload.digest) is not None
    staged = staging_key(tenant, upload_id)
    replaced = False
    try:
        _assemble(store, upload)
        actual = _digest(store, staged)
        if actual != upload.digest:
            discard(database, store, upload)
            raise DigestMismatchError(upload.digest, actual)
        store.move(staged, blobs.blob_key(tenant, upload.digest))
        replaced = was_here
    except ObjectNotFoundError:
        pass  # somebody else has moved or discarded it: what is at the blob's place tells
    try:
        with database.begin() as session:
            return _promise(session, store, upload, replaced=replaced, actor=actor, now=now)
    except ObjectNotFoundError as error:
        raise NotFoundError("upload", upload_id) from error


def discard(database: Database, store: ObjectStore, upload: Upload) -> None:
    """Forget an upload and its bytes. Commits by itself, the row first: a crash leaves bytes, and no promise."""
    with database.begin() as session:
        _forget(session, upload.id)
    store.abort_upload(_in_store(upload))
    store.delete(staging_key(upload.tenant, upload.id))


def _forget(session: Session, upload_id: str) -> None:
    row = session.get(Upload, upload_id, with_for_update=True)
    if row is not None:
        session.delete(row)
        session.flush()  # before its place is taken by another


def _promise(
    session: Session, store: ObjectStore, upload: Upload, *, replaced: bool, actor: str, now: datetime
) -> Blob:
    """Say from now on that the blob is here, if it is, and end its upload.

    Only hashed bytes are ever moved to a blob's place, so whoever finds an object there may say so; and it stays,
    as it is removed only under this lock.

    Raises:
        ObjectNotFoundError: it is not; nothing was changed.
    """
    blob = _locked(session, upload, now)
    is_new = blob.condemned_at is not None
    if is_new:
        blob.size_bytes = store.head(blobs.blob_key(upload.tenant, upload.digest)).size_bytes
        blob.condemned_at = None
        blob.created_at = now
    if is_new or replaced:
        audit.record(
            session,
            tenant=upload.tenant,
            actor=actor,
            action="blob.store" if is_new else "blob.replace",
            subject=upload.digest,
            now=now,
            bytes=blob.size_bytes,
        )
    blob.touched_at = now
    _forget(session, upload.id)
    return blob


def _locked(session: Session, upload: Upload, now: datetime) -> Blob:
    """The blob's row under lock; a new one is condemned until its object is in its place."""
    while True:
        insert_absent(
            session,
            Blob,
            tenant=upload.tenant,
            digest=upload.digest,
            size_bytes=upload.size_bytes,
            created_at=now,
            touched_at=now,
            condemned_at=now,
        )
        blob = blobs.lock(session, upload.tenant, upload.digest)
        if blob is not None:
            return blob
        # There was one, and a collection that held it has removed it.


def _is_here(session: Session, tenant: str, digest: str, size_bytes: int, now: datetime) -> bool:
    blob = blobs.lock(session, tenant, digest)
    if blob is None or blob.condemned_at is not None:
        return False
    if blob.size_bytes != size_bytes:
        raise BlobSizeError(digest, actual_bytes=blob.size_bytes, said_bytes=size_bytes)
    blob.touched_at = now
    return True


def _assemble(store: ObjectStore, upload: Upload) -> None:
    """Make one object of the parts, unless that was done before."""
    try:
        store.complete_upload(_in_store(upload))
    except UploadNotFoundError:
        store.head(staging_key(upload.tenant, upload.id))


def _digest(store: ObjectStore, key: str) -> str:
    digest = hashlib.sha256()
    with store.open(key) as reader:
        while data := reader.read(_READ_BYTES):
            digest.update(data)
    return f"sha256:{digest.hexdigest()}"


def _is_under_way(store: ObjectStore, upload: Upload) -> bool:
    try:
        parts(store, upload)
    except UploadNotFoundError:
        return False
    return True


def _is_staged(store: ObjectStore, upload: Upload) -> bool:
    try:
        store.head(staging_key(upload.tenant, upload.id))
    except ObjectNotFoundError:
        return False
    return True


def _in_store(upload: Upload) -> objects.Upload:
    return objects.Upload(staging_key(upload.tenant, upload.id), upload.size_bytes, upload.store_upload)
