"""Removing samples that have come too long ago, with all that was said of them, and then their inputs' bytes.

A sample is as old as its receipt. Its rows go first, a batch to a transaction, so that nobody finds it any more; the
shard that its input lies in goes once none of its inputs is wanted: until then their bytes stay there together. A
crash in between leaves a shard without inputs, which the next round removes. Safe beside ingest and uploads, and any
number may run at once. Whoever is reading an input at that moment reads it to its end, or hears that there is none.

Samples that a dataset snapshot holds on to stay until it lets go (`roost_cloud.datasets.store.hold`); their labels go
with them.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, and_, delete, exists, select
from sqlalchemy.orm import Session

from roost_cloud.db import Database
from roost_cloud.db.among import among
from roost_cloud.db.tables import (
    Dataset,
    DatasetSample,
    DroppedInput,
    Label,
    LabelClaim,
    LateScore,
    Sample,
    SampleInput,
    SampleScore,
    Shard,
    Tenant,
)
from roost_cloud.objects import ObjectStore
from roost_cloud.shards.uploads import ShardKey, shard_key

__all__ = ["Expired", "expire"]

_AT_ONCE: Final = 500  # samples to a transaction
_OF_A_SAMPLE: Final = (
    SampleScore,
    LateScore,
    DroppedInput,
    Label,
    LabelClaim,
    DatasetSample,
    SampleInput,
    Sample,
)


class Expired(NamedTuple):
    """What was removed."""

    samples: int = 0
    shards: int = 0


def expire(database: Database, store: ObjectStore, before: datetime, *, now: datetime) -> Expired:
    """Remove every tenant's samples that were received before then. Commits by itself, and in steps.

    Args:
        database: where they are.
        store: where their inputs are.
        before: what was received then or later stays.
        now: server time, by which snapshots hold on to samples.

    Raises:
        StoreUnavailableError, StoreFailedError: the store failed; the next round goes on.
    """
    with database.read() as session:
        tenants = list(session.scalars(select(Tenant.name).order_by(Tenant.name)))
    samples = sum(sum(_expire_samples(database, tenant, before, now)) for tenant in tenants)
    shards = sum(_expire_shards(database, store, tenant, before) for tenant in tenants)
    return Expired(samples, shards)


def _expire_samples(database: Database, tenant: str, before: datetime, now: datetime) -> Iterator[int]:
    """Batch by batch, how many."""
    old = select(Sample.device, Sample.sample).where(
        Sample.tenant == tenant, Sample.received_at < before, ~_is_held(now)
    )
    while True:
        with database.begin() as session:
            keys = [(device, sample) for device, sample in session.execute(old.limit(_AT_ONCE))]
            for table in _OF_A_SAMPLE if keys else ():
                session.execute(delete(table).where(among(table, tenant, keys)))
        yield len(keys)
        if len(keys) < _AT_ONCE:
            return


def _is_held(now: datetime) -> ColumnElement[bool]:
    return (
        select(DatasetSample.sample)
        .join(Dataset, and_(Dataset.tenant == DatasetSample.tenant, Dataset.digest == DatasetSample.dataset))
        .where(
            DatasetSample.tenant == Sample.tenant,
            DatasetSample.device == Sample.device,
            DatasetSample.sample == Sample.sample,
            Dataset.held_until > now,
        )
        .exists()
    )


def _expire_shards(database: Database, store: ObjectStore, tenant: str, before: datetime) -> int:
    with database.read() as session:
        old = select(Shard.device, Shard.id).where(Shard.tenant == tenant, Shard.committed_at < before)
        keys = [ShardKey(tenant, device, shard) for device, shard in session.execute(old)]
    return sum(_expire_shard(database, store, key, before) for key in keys)


def _expire_shard(database: Database, store: ObjectStore, key: ShardKey, before: datetime) -> bool:
    """Remove a shard unless one of its inputs is of a sample that is still here; whether it went."""
    with database.begin() as session:
        session.execute(delete(SampleInput).where(_in_shard(key), ~_has_sample()))
    with database.begin() as session:
        row = session.get(Shard, key, with_for_update=True)
        # Looked at anew: another round may have removed it, and its device have brought it once more.
        if row is None or row.committed_at >= before or _inputs(session, key):
            return False
        store.delete(shard_key(key))
        session.delete(row)
    return True


def _inputs(session: Session, key: ShardKey) -> Sequence[str]:
    return session.scalars(select(SampleInput.sample).where(_in_shard(key)).limit(1)).all()


def _in_shard(key: ShardKey) -> ColumnElement[bool]:
    return and_(SampleInput.tenant == key.tenant, SampleInput.device == key.device, SampleInput.shard == key.shard)


def _has_sample() -> ColumnElement[bool]:
    return exists().where(
        Sample.tenant == SampleInput.tenant,
        Sample.device == SampleInput.device,
        Sample.sample == SampleInput.sample,
    )
