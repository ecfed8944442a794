"""A sample with all that is known of it: its record, its scores, those that came late, and where its input is."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import DroppedInput, LateScore, Sample, SampleInput, SampleScore
from roost_cloud.errors import NotFoundError
from roost_cloud.objects import ObjectReader, ObjectStore
from roost_cloud.shards.uploads import ShardKey, shard_key

__all__ = ["WholeSample", "get", "get_input", "open_input"]


@dataclass(frozen=True)
class WholeSample:
    """One sample."""

    row: Sample
    scores: Sequence[SampleScore]
    late: Sequence[LateScore]
    input: SampleInput | None
    dropped: str | None


def get(session: Session, tenant: str, device: str, sample: str) -> WholeSample:
    """One sample.

    Raises:
        NotFoundError: the tenant has no such sample.
    """
    key = (tenant, device, sample)
    row = session.get(Sample, key)
    if row is None:
        raise NotFoundError("sample", f"{device}/{sample}")
    scores = select(SampleScore).where(
        SampleScore.tenant == tenant, SampleScore.device == device, SampleScore.sample == sample
    )
    late = select(LateScore).where(LateScore.tenant == tenant, LateScore.device == device, LateScore.sample == sample)
    return WholeSample(
        row,
        session.scalars(scores.order_by(SampleScore.elapsed_ms, SampleScore.contestant)).all(),
        session.scalars(late.order_by(LateScore.elapsed_ms, LateScore.contestant)).all(),
        session.get(SampleInput, key),
        None if (dropped := session.get(DroppedInput, key)) is None else dropped.reason,
    )


def get_input(session: Session, tenant: str, device: str, sample: str) -> SampleInput:
    """Where a sample's input is.

    Raises:
        NotFoundError: the tenant has no such sample, or its input is not here.
    """
    found = session.get(SampleInput, (tenant, device, sample))
    if found is None:
        raise NotFoundError("input of the sample", f"{device}/{sample}")
    return found


def open_input(store: ObjectStore, place: SampleInput, start: int = 0, stop: int | None = None) -> ObjectReader:
    """Read an input's bytes from `start` to before `stop`, or to its end.

    Raises:
        ObjectNotFoundError: its shard is gone.
        StoreUnavailableError, StoreFailedError: the store cannot be read.
    """
    key = shard_key(ShardKey(place.tenant, place.device, place.shard))
    length_bytes = (place.size_bytes if stop is None else stop) - start
    return store.open(key, offset=place.offset + start, length_bytes=length_bytes)
