"""A page of a tenant's samples, the newest first, by what they are.

New is what came last, by our clock: devices' clocks go wrong, and what comes after an outage belongs on top. A page is
found by an index that holds samples in this order: of a task, a label, a device, those on which contestants
disagreed, or all. What else is asked for is looked at in that order until the page is full.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, literal, not_, select, tuple_
from sqlalchemy.orm import Session, defer

from roost_cloud.db.among import among, batches
from roost_cloud.db.tables import DroppedInput, Sample, SampleInput, SampleScore
from roost_cloud.samples.place import Place
from roost_shared.records import KeptFor

__all__ = ["Chosen", "Listed", "page"]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which samples; None means any."""

    task: str | None = None
    label: str | None = None
    contestant: str | None = None
    min_confidence: float | None = None
    max_confidence: float | None = None
    disagreement: bool | None = None
    device: str | None = None
    since: datetime | None = None  # of receipt, inclusive
    until: datetime | None = None  # of receipt, exclusive
    kept_for: KeptFor | None = None
    has_input: bool | None = None
    digest: str | None = None  # of the bundle that answered


@dataclass(frozen=True)
class Listed:
    """A sample.

    Attributes:
        row: without its whole record.
        input: where its input is; None if it is not in the cloud.
        dropped: why the device has its input no more.
    """

    row: Sample
    input: SampleInput | None
    dropped: str | None

    @property
    def place(self) -> Place:
        """Where it stands in the list."""
        return Place(self.row.received_at, self.row.device, self.row.sample)


def page(session: Session, tenant: str, chosen: Chosen, *, limit: int, after: Place | None = None) -> Sequence[Listed]:
    """A tenant's samples.

    Args:
        session: to read with.
        tenant: whose.
        chosen: which.
        limit: at most so many.
        after: only what stands behind this.
    """
    query = select(Sample).options(defer(Sample.record, raiseload=True))
    query = query.where(Sample.tenant == tenant, *_conditions(chosen))
    return _with_inputs(session, tenant, session.scalars(newest_first(query, limit, after)).all())


def newest_first(query: Select[Sample], limit: int, after: Place | None) -> Select[Sample]:
    """A page of the samples that are asked for, behind a place; see `place.Place` for the order."""
    if after is not None:
        query = query.where(Sample.received_at <= after.received_at)  # for an index; the next line for what is equal
        query = query.where(tuple_(Sample.received_at, Sample.device, Sample.sample) < tuple_(*map(literal, after)))
    return query.order_by(Sample.received_at.desc(), Sample.device.desc(), Sample.sample.desc()).limit(limit)


def _conditions(chosen: Chosen) -> Iterator[ColumnElement[bool]]:
    equal = {
        Sample.task: chosen.task,
        Sample.label: chosen.label,
        Sample.contestant: chosen.contestant,
        Sample.device: chosen.device,
    }
    yield from (column == value for column, value in equal.items() if value is not None)
    if chosen.min_confidence is not None:
        yield Sample.confidence >= chosen.min_confidence
    if chosen.max_confidence is not None:
        yield Sample.confidence <= chosen.max_confidence
    if chosen.since is not None:
        yield Sample.received_at >= chosen.since
    if chosen.until is not None:
        yield Sample.received_at < chosen.until
    if chosen.kept_for is not None:
        yield (" " + Sample.kept_for + " ").like(f"% {chosen.kept_for} %".replace("_", r"\_"), escape="\\")
    if chosen.disagreement is not None:
        yield and_(Sample.disagreement) if chosen.disagreement else not_(Sample.disagreement)
    if chosen.digest is not None:  # a subquery of one sample, as below
        by = select(SampleScore.bundle).where(
            SampleScore.tenant == Sample.tenant,
            SampleScore.device == Sample.device,
            SampleScore.sample == Sample.sample,
            SampleScore.contestant == Sample.contestant,
        )
        yield by.correlate(Sample).scalar_subquery().endswith(f"@{chosen.digest}", autoescape=True)
    if chosen.has_input is not None:
        # A subquery that no planner makes a join of: it is to be asked of a sample at a time, until the page is full.
        shard = select(SampleInput.shard).where(
            SampleInput.tenant == Sample.tenant,
            SampleInput.device == Sample.device,
            SampleInput.sample == Sample.sample,
        )
        found = shard.correlate(Sample).scalar_subquery()
        yield found.is_not(None) if chosen.has_input else found.is_(None)


def _with_inputs(session: Session, tenant: str, rows: Sequence[Sample]) -> list[Listed]:
    keys = [(row.device, row.sample) for row in rows]
    inputs: dict[tuple[str, str], SampleInput] = {}
    dropped: dict[tuple[str, str], str] = {}
    for batch in batches(keys):
        here = session.scalars(select(SampleInput).where(among(SampleInput, tenant, batch)))
        gone = session.scalars(select(DroppedInput).where(among(DroppedInput, tenant, batch)))
        inputs |= {(one.device, one.sample): one for one in here}
        dropped |= {(one.device, one.sample): one.reason for one in gone}
    return [Listed(row, inputs.get(key), dropped.get(key)) for row, key in zip(rows, keys, strict=True)]
