"""Shards on their way: opened with their list, gone on with after any cut, and at last committed; all idempotent.

An upload goes through these, and may stop for good at any of them:

    store's upload, and row → parts → one staged object → checked → moved to the shard's place → its and inputs' rows

No two uploads have one staged object, and only checked bytes are ever moved to a shard's place. Nothing that may take
long is done within a transaction: assembling, checking and moving come before. Under a lock the store is asked only
whether the object is there.
"""

import secrets
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db import Database
from roost_cloud.db.insert import insert_absent, insert_all_absent
from roost_cloud.db.tables import SampleInput, Shard, ShardUpload
from roost_cloud.errors import NotFoundError
from roost_cloud.objects import ObjectNotFoundError, ObjectStore, Upload, UploadNotFoundError, build_key, plan_parts
from roost_cloud.objects.receiving import OfferedPart, assemble, offer_all_parts, offer_parts
from roost_cloud.shards.errors import ShardMismatchError
from roost_shared.shards import (
    ShardList,
    TarLayout,
    WrongBytesError,
    check_tar,
    decode_list,
    encode_list,
    media_type,
    shard_id,
)

__all__ = ["MAX_UNDER_WAY", "STAGING", "ShardKey", "ShardOffer", "commit", "discard", "resume", "shard_key", "start"]

STAGING: Final = "shard-uploads"  # the kind of objects that parts become, until they have been checked
MAX_UNDER_WAY: Final = 8  # of a device; it sends one or two at a time, and what it gave up makes room


class ShardKey(NamedTuple):
    """Names a shard."""

    tenant: str
    device: str
    shard: str


class ShardOffer(NamedTuple):
    """A shard under way, and which of its parts are still to come; or one that is committed."""

    size_bytes: int
    parts: list[OfferedPart] | None
    """None: it is committed."""


def shard_key(key: ShardKey) -> str:
    """The object that a shard is."""
    return build_key(key.tenant, "shards", key.device, f"{key.shard}.tar")


def start(
    database: Database, store: ObjectStore, key: ShardKey, listing: ShardList, *, size_bytes: int, now: datetime
) -> ShardOffer:
    """Begin to bring a shard, or go on with it. Commits by itself, and in steps: the store is asked in between.

    Raises:
        ShardMismatchError, ShardListError: the list is another shard's, or none.
        StoreUnavailableError, StoreFullError, StoreFailedError: the store cannot take it now.
    """
    if shard_id(listing) != key.shard:
        raise ShardMismatchError(f"the list's digest is {shard_id(listing)}, and not {key.shard}")
    layout = TarLayout(listing)
    if layout.size_bytes != size_bytes:
        raise ShardMismatchError(f"a tar of that list has {layout.size_bytes} bytes, and not {size_bytes}")
    while True:
        with database.begin() as session:
            found = _touch(session, key, now)  # first: it waits for whoever is committing
            if session.get(Shard, key) is not None:
                return ShardOffer(size_bytes, None)
        if found is not None and (parts := _offer_if_kept(store, key, found)) is not None:
            return ShardOffer(size_bytes, parts)
        # What the store lost begins anew under another id: nobody who still holds the old one has a say in its bytes.
        upload_id = secrets.token_hex(16)
        begun = store.begin_upload(_staging_key(key.tenant, upload_id), size_bytes)
        if _remember(database, key, listing, begun, upload_id=upload_id, replacing=found, now=now):
            _make_room(database, store, key)
            return ShardOffer(size_bytes, offer_all_parts(store, begun))
        store.abort_upload(begun)  # somebody else was faster


def resume(database: Database, store: ObjectStore, key: ShardKey, now: datetime) -> ShardOffer:
    """What is still to come of a shard, which keeps it from going stale. Commits by itself.

    Raises:
        NotFoundError: it was never begun, given up or lost: start it.
        StoreUnavailableError, StoreFailedError: the store cannot tell now.
    """
    with database.begin() as session:
        upload = _touch(session, key, now)  # first: it waits for whoever is committing
        committed = session.get(Shard, key)
    if committed is not None:
        return ShardOffer(committed.size_bytes, None)
    parts = None if upload is None else _offer_if_kept(store, key, upload)
    if upload is None or parts is None:
        raise NotFoundError("shard", key.shard)
    return ShardOffer(upload.size_bytes, parts)


def commit(database: Database, store: ObjectStore, key: ShardKey, now: datetime) -> ShardOffer:
    """Keep a shard whose parts have all arrived; said twice, also at once, it is kept once.

    Commits by itself, and in steps. Whatever step fails, the shard can be committed again, or nothing of it is kept.

    Raises:
        NotFoundError: it was never begun, given up or lost: start it.
        MissingPartsError: parts are missing; the upload goes on.
        WrongBytesError: the bytes are not those of the list; the upload is gone with them.
        StoreUnavailableError, StoreFullError, StoreFailedError: the store failed; commit it again.
    """
    with database.begin() as session:
        upload = _touch(session, key, now)  # first: it waits for whoever is committing
        committed = session.get(Shard, key)
    if committed is not None:
        return ShardOffer(committed.size_bytes, None)
    if upload is None:
        raise NotFoundError("shard", key.shard)
    layout = TarLayout(decode_list(upload.listing))
    staged = _in_store(key, upload)
    try:
        assemble(store, staged)
        with store.open(staged.key) as reader:
            check_tar(reader, layout)
        store.move(staged.key, shard_key(key))
    except WrongBytesError:
        discard(database, store, key, upload)
        raise
    except ObjectNotFoundError:
        pass  # somebody else has moved or discarded it: what is at the shard's place tells
    with database.begin() as session:
        _keep(session, store, key, upload, layout, now)
    return ShardOffer(upload.size_bytes, None)


def discard(database: Database, store: ObjectStore, key: ShardKey, upload: ShardUpload) -> None:
    """Forget an upload and its bytes. Commits by itself, the row before the parts: a crash leaves those to a sweep."""
    with database.begin() as session:
        locked = _lock(session, key)
        if locked is not None and locked.id == upload.id:
            if session.get(Shard, key) is None:  # it got to its place, and nobody said so
                store.delete(shard_key(key))
            session.delete(locked)
    staged = _in_store(key, upload)
    store.abort_upload(staged)
    store.delete(staged.key)


def _keep(
    session: Session, store: ObjectStore, key: ShardKey, upload: ShardUpload, layout: TarLayout, now: datetime
) -> None:
    """Say from now on that the shard is here, if it is, and where each input lies. The first shard has an input.

    Raises:
        NotFoundError: it is not; nothing was changed.
    """
    locked = _lock(session, key)
    if locked is None or locked.id != upload.id:
        if session.get(Shard, key) is None:
            raise NotFoundError("shard", key.shard)
        return  # somebody else has committed it
    if not _is_in_place(store, key):
        raise NotFoundError("shard", key.shard)
    listing = decode_list(upload.listing)
    insert_absent(
        session,
        Shard,
        tenant=key.tenant,
        device=key.device,
        id=key.shard,
        task=listing.task,
        size_bytes=upload.size_bytes,
        entries=len(listing.entries),
        created_at=upload.created_at,
        committed_at=now,
    )
    insert_all_absent(
        session,
        SampleInput,
        [
            {
                "tenant": key.tenant,
                "device": key.device,
                "sample": member.entry.sample,
                "shard": key.shard,
                "offset": member.offset,
                "size_bytes": member.size_bytes,
                "sha256": member.sha256,
                "media_type": media_type(member.entry.suffix),
                "probability": member.entry.probability,
                "committed_at": now,
            }
            for member in layout.members
            if not member.is_metadata
        ],
    )
    session.delete(locked)


def _remember(
    database: Database,
    key: ShardKey,
    listing: ShardList,
    begun: Upload,
    *,
    upload_id: str,
    replacing: ShardUpload | None,
    now: datetime,
) -> bool:
    """Note an upload that has begun, in place of one that was lost; False if there is another."""
    with database.begin() as session:
        known = _lock(session, key)
        if known is not None and replacing is not None and known.id == replacing.id:
            session.delete(known)
            session.flush()  # before its place is taken
        return insert_absent(
            session,
            ShardUpload,
            tenant=key.tenant,
            device=key.device,
            shard=key.shard,
            id=upload_id,
            listing=encode_list(listing),
            size_bytes=begun.size_bytes,
            store_upload=begun.id,
            created_at=now,
            touched_at=now,
        )


def _make_room(database: Database, store: ObjectStore, key: ShardKey) -> None:
    """Give up what a device began longest ago and went on with least, beyond what it may have under way."""
    with database.read() as session:
        query = select(ShardUpload).where(ShardUpload.tenant == key.tenant, ShardUpload.device == key.device)
        newest_first = query.where(ShardUpload.shard != key.shard).order_by(ShardUpload.touched_at.desc())
        surplus = list(session.scalars(newest_first.offset(MAX_UNDER_WAY - 1)))
    for upload in surplus:
        discard(database, store, ShardKey(key.tenant, key.device, upload.shard), upload)


def _touch(session: Session, key: ShardKey, now: datetime) -> ShardUpload | None:
    upload = _lock(session, key)
    if upload is not None:
        upload.touched_at = now
    return upload


def _lock(session: Session, key: ShardKey) -> ShardUpload | None:
    return session.get(ShardUpload, key, with_for_update=True, populate_existing=True)


def _offer_if_kept(store: ObjectStore, key: ShardKey, upload: ShardUpload) -> list[OfferedPart] | None:
    """What is still to come of an upload; None if the store has lost it."""
    try:
        return offer_parts(store, _in_store(key, upload))
    except UploadNotFoundError:
        return _offer_nothing(upload) if _is_in_place(store, key) else None


def _offer_nothing(upload: ShardUpload) -> list[OfferedPart]:
    return [OfferedPart(part, None) for part in plan_parts(upload.size_bytes)]


def _is_in_place(store: ObjectStore, key: ShardKey) -> bool:
    """Whether it got to its place, which only checked bytes do."""
    try:
        store.head(shard_key(key))
    except ObjectNotFoundError:
        return False
    return True


def _staging_key(tenant: str, upload_id: str) -> str:
    return build_key(tenant, STAGING, upload_id)


def _in_store(key: ShardKey, upload: ShardUpload) -> Upload:
    return Upload(_staging_key(key.tenant, upload.id), upload.size_bytes, upload.store_upload)
