"""Snapshots that are there: a row each, the document in the object store."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from roost_cloud.datasets.errors import SnapshotDamagedError
from roost_cloud.datasets.snapshot import Snapshot, encode_snapshot
from roost_cloud.db import Database
from roost_cloud.db.insert import insert_absent, insert_all_absent
from roost_cloud.db.tables import Dataset, DatasetSample
from roost_cloud.errors import NotFoundError
from roost_cloud.labels.teachers import SampleKey
from roost_cloud.objects import ObjectStore, build_key
from roost_cloud.people import audit
from roost_shared.digest import digest_of, hex_of
from roost_shared.messages import UNREADABLE

__all__ = ["REFERENCE", "document_key", "get", "hold", "key_of", "page", "put", "read"]

REFERENCE: Final = "@reference/"  # how items of the incumbent's reference set are called; no device is


def document_key(tenant: str, digest: str) -> str:
    """The object that a snapshot's document is.

    >>> document_key("acme", "sha256:2c26b4")
    'acme/datasets/sha256/2c26b4'
    """
    return build_key(tenant, "datasets", "sha256", hex_of(digest))


def put(
    database: Database,
    store: ObjectStore,
    tenant: str,
    snapshot: Snapshot,
    *,
    summary: dict[str, Any],
    held_until: datetime,
    actor: str,
    now: datetime,
) -> Dataset:
    """Store a snapshot. Commits by itself, the document first; the same one again is no other.

    Raises:
        StoreUnavailableError, StoreFullError, StoreFailedError: the store does not take it; there is no snapshot.
    """
    data = encode_snapshot(snapshot)
    digest = digest_of(data)
    store.put(document_key(tenant, digest), data)
    values = {
        "task": snapshot.task,
        "incumbent": snapshot.incumbent,
        "split": snapshot.split,
        "items": len(snapshot.items),
        "size_bytes": sum(item.size_bytes for item in snapshot.items),
        "document_bytes": len(data),
        "summary": summary,
        "created_at": now,
        "created_by": actor,
        "held_until": held_until,
    }
    with database.begin() as session:
        made = insert_absent(session, Dataset, tenant=tenant, digest=digest, **values)
        keys = filter(None, (key_of(item.sample) for item in snapshot.items))
        rows = [{"tenant": tenant, "dataset": digest, "device": key.device, "sample": key.sample} for key in keys]
        insert_all_absent(session, DatasetSample, rows)
        row = hold(session, tenant, digest, held_until)
        if made:
            audit.record(
                session,
                tenant=tenant,
                actor=actor,
                action="dataset.make",
                subject=digest,
                now=now,
                task=snapshot.task,
                items=len(snapshot.items),
                incumbent=snapshot.incumbent,
            )
    return row


def get(session: Session, tenant: str, digest: str) -> Dataset:
    """A snapshot's row.

    Raises:
        NotFoundError: the tenant has none of that digest.
    """
    row = session.get(Dataset, (tenant, digest))
    if row is None:
        raise NotFoundError("dataset", digest)
    return row


def page(
    session: Session, tenant: str, *, task: str | None = None, limit: int, after: str | None = None
) -> Sequence[Dataset]:
    """A tenant's snapshots, the newest first, behind the one of digest `after`, at most `limit`.

    Raises:
        NotFoundError: `after` is none.
    """
    query = select(Dataset).where(Dataset.tenant == tenant)
    if task is not None:
        query = query.where(Dataset.task == task)
    if after is not None:
        last = get(session, tenant, after)
        query = query.where(tuple_(Dataset.created_at, Dataset.digest) < tuple_(last.created_at, last.digest))
    return session.scalars(query.order_by(Dataset.created_at.desc(), Dataset.digest.desc()).limit(limit)).all()


def hold(session: Session, tenant: str, digest: str, until: datetime) -> Dataset:
    """Keep a snapshot's samples from expiring until then at least: a lease, so that what died lets go of them.

    Raises:
        NotFoundError: as `get`.
    """
    row = session.get(Dataset, (tenant, digest), with_for_update=True)
    if row is None:
        raise NotFoundError("dataset", digest)
    row.held_until = max(row.held_until, until)
    return row


def read(store: ObjectStore, tenant: str, digest: str) -> Snapshot:
    """A snapshot's document.

    Raises:
        ObjectNotFoundError: there is none.
        SnapshotDamagedError: what is there is another, or a newer Roost's.
        StoreUnavailableError, StoreFailedError: the store does not give it.
    """
    with store.open(document_key(tenant, digest)) as reader:
        data = reader.read()
    if digest_of(data) != digest:
        raise SnapshotDamagedError(f"the dataset {digest} is kept damaged: its bytes are {digest_of(data)}")
    try:
        return msgspec.json.decode(data, type=Snapshot)
    except UNREADABLE as error:
        raise SnapshotDamagedError(f"the dataset {digest} cannot be read: {error}") from error


def key_of(sample: str) -> SampleKey | None:
    """The sample that an item is of; None if it is of a reference set.

    >>> key_of("cam-01/b-7"), key_of("@reference/7/img-1")
    (SampleKey(device='cam-01', sample='b-7'), None)
    """
    if sample.startswith(REFERENCE):
        return None
    device, _, name = sample.partition("/")
    return SampleKey(device, name)
