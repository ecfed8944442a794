"""Blobs on their way: begun once, gone on with by whoever wants the same bytes there, and at last completed.

Parts are with the object store, so nothing but the row is needed to go on after a crash of either side. An upload
goes through these, and may stop for good at any of them:

    row and store's upload → parts → one staged object → hashed → moved to the blob's key, with the blob's row
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
    session: Session, store: ObjectStore, *, tenant: str, digest: str, size_bytes: int, actor: str, now: datetime
) -> Upload | None:
    """Begin to bring a blob, or go on with an upload of it that somebody began.

    Returns:
        None if the blob is here: it stays for a day at least, for a version to refer to it.

    Raises:
        BlobSizeError: it is here, with another size.
        TooLargeError: no store takes that much.
        StoreUnavailableError, StoreFullError, StoreFailedError: the store cannot take it now.
    """
    while True:
        blob = blobs.lock(session, tenant, digest)
        if blob is not None and blob.condemned_at is None:
            if blob.size_bytes != size_bytes:
                raise BlobSizeError(digest, actual_bytes=blob.size_bytes, said_bytes=size_bytes)
            blob.touched_at = now
            return None
        fresh = insert_absent(
            session,
            Upload,
            id=secrets.token_hex(16),
            tenant=tenant,
            digest=digest,
            size_bytes=size_bytes,
            store_upload="",
            created_at=now,
            touched_at=now,
            created_by=actor,
        )
        query = select(Upload).where(Upload.tenant == tenant, Upload.digest == digest)
        row = session.scalar(query.where(Upload.size_bytes == size_bytes).with_for_update())
        if row is not None:
            if fresh or not _is_under_way(store, row):
                row.store_upload = store.begin_upload(staging_key(tenant, row.id), size_bytes).id
            row.touched_at = now
            return row
        # Somebody completed or aborted it since we were told of it.


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
    try:
        _assemble(store, upload)
        actual = _digest(store, staging_key(tenant, upload_id))
        if actual != upload.digest:
            discard(database, store, upload)
            raise DigestMismatchError(upload.digest, actual)
        with database.begin() as session:
            blob, moved = _promote(session, store, upload, actor=actor, now=now)
    except ObjectNotFoundError as error:
        with database.read() as session:  # completed by somebody else, or gone
            done = blobs.find(session, tenant, upload.digest)
        if done is None:
            raise NotFoundError("upload", upload_id) from error
        return done
    if not moved:
        store.delete(staging_key(tenant, upload_id))
    return blob


def discard(database: Database, store: ObjectStore, upload: Upload) -> None:
    """Forget an upload and its bytes. Commits by itself, the row first: a crash leaves bytes, and no promise."""
    with database.begin() as session:
        row = session.get(Upload, upload.id, with_for_update=True)
        if row is not None:
            session.delete(row)
    store.abort_upload(_in_store(upload))
    store.delete(staging_key(upload.tenant, upload.id))


def _promote(session: Session, store: ObjectStore, upload: Upload, *, actor: str, now: datetime) -> tuple[Blob, bool]:
    """Move hashed bytes to their blob's key, under the blob's lock; whether they were needed."""
    tenant, digest = upload.tenant, upload.digest
    blob = _locked(session, upload, now)
    row = session.get(Upload, upload.id, with_for_update=True)
    needed = blob.condemned_at is not None
    if needed:
        store.move(staging_key(tenant, upload.id), blobs.blob_key(tenant, digest))
        blob.condemned_at = None
        blob.created_at = now
        audit.record(
            session, tenant=tenant, actor=actor, action="blob.store", subject=digest, now=now, bytes=blob.size_bytes
        )
    blob.touched_at = now
    if row is not None:
        session.delete(row)
    return blob, needed


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
