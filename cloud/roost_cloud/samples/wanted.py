"""Inputs that people want to see before anything else: asked for here, brought first by the device that keeps them.

A device told of a sample long before it brings the input, over a link that may be slow. Whoever looks into a window
asks for a stretch of a device's samples; the device asks once a minute, while it has anything to bring, and brings
those before all else. What it dropped, and what it never kept, no asking brings back: that is said.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Select, delete, func, not_, select
from sqlalchemy.orm import Session

from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import Device, DroppedInput, Sample, SampleInput, WantedStretch
from roost_cloud.errors import NotFoundError
from roost_cloud.people import audit
from roost_shared.errors import ContentError

__all__ = ["LONGEST", "BadStretchError", "Standing", "Stretch", "is_any", "page", "samples_for", "standing", "want"]

LONGEST: Final = timedelta(days=7)  # a stretch
_GOOD_FOR: Final = timedelta(days=7)  # then nobody waits any more
_STRETCHES: Final = 32  # of a device; more push out the oldest
_SAMPLES: Final = 2000  # told to a device at a time


class BadStretchError(ContentError):
    """A stretch of time cannot be asked for."""

    code = "wanted.stretch"


class Stretch(NamedTuple):
    """Samples of a task on a device.

    Attributes:
        since: when the cloud was told of them, inclusive.
        until: exclusive.
    """

    device: str
    task: str
    since: datetime
    until: datetime


class Standing(NamedTuple):
    """How far the inputs of a stretch are.

    Attributes:
        samples: that the device told of.
        here: whose inputs are in the cloud.
        waiting: whose inputs the device keeps, as far as we know.
        dropped: whose inputs it had to let go.
        not_kept: of which it kept no input, as for a task whose pixels are private.
    """

    samples: int
    here: int
    waiting: int
    dropped: int
    not_kept: int


def want(session: Session, tenant: str, stretch: Stretch, *, actor: str, now: datetime) -> None:
    """Ask for a stretch; the same again lasts longer.

    Raises:
        NotFoundError: the tenant has no such device.
        BadStretchError: it is empty, or too long.
    """
    if session.get(Device, (tenant, stretch.device)) is None:
        raise NotFoundError("device", stretch.device)
    if not timedelta(0) < stretch.until - stretch.since <= LONGEST:
        raise BadStretchError(f"ask for a stretch of time of {LONGEST.days} days at most, `since` before `until`")
    session.execute(delete(WantedStretch).where(WantedStretch.tenant == tenant, _is_old(now)))
    said = {"asked_at": now, "asked_by": actor, "served": False}
    if not insert_absent(session, WantedStretch, tenant=tenant, **stretch._asdict(), **said):
        row = session.get_one(WantedStretch, (tenant, *stretch), with_for_update=True)
        row.asked_at, row.asked_by, row.served = now, actor, False
    session.flush()
    for row in _of_device(session, tenant, stretch.device)[:-_STRETCHES]:
        session.delete(row)
    span = {"since": stretch.since.isoformat(), "until": stretch.until.isoformat()}
    subject = f"{stretch.device}/{stretch.task}"
    audit.record(session, tenant=tenant, actor=actor, action="inputs.want", subject=subject, now=now, **span)


def page(session: Session, tenant: str, *, limit: int, now: datetime) -> Sequence[WantedStretch]:
    """What is asked for, the last first."""
    query = select(WantedStretch).where(WantedStretch.tenant == tenant, ~_is_old(now))
    return session.scalars(query.order_by(WantedStretch.asked_at.desc(), WantedStretch.device).limit(limit)).all()


def standing(session: Session, tenant: str, stretch: Stretch) -> Standing:
    """How far a stretch is."""
    counts = [
        session.scalar(select(func.count()).select_from(_told(tenant, stretch).where(*of).subquery())) or 0
        for of in ((), (_is_here(),), (~_is_here(), _is_dropped()), (~_is_here(), ~_is_dropped(), ~_is_kept()))
    ]
    samples, here, dropped, not_kept = counts
    return Standing(samples, here, samples - here - dropped - not_kept, dropped, not_kept)


def is_any(session: Session, tenant: str, device: str, now: datetime) -> bool:
    """Whether anybody may wait for anything of a device."""
    of_device = (WantedStretch.tenant == tenant, WantedStretch.device == device)
    query = select(WantedStretch.task).where(*of_device, not_(WantedStretch.served), ~_is_old(now))
    return session.scalar(query.limit(1)) is not None


def samples_for(session: Session, tenant: str, device: str, now: datetime) -> list[str]:
    """The samples whose inputs a device shall bring first, those of the first stretch first.

    A stretch that is past, of which nothing is waited for, is not looked through again: no sample comes into it.
    """
    found: dict[str, None] = {}
    for row in _of_device(session, tenant, device):
        if row.served or row.asked_at <= now - _GOOD_FOR:
            continue
        stretch = Stretch(row.device, row.task, row.since, row.until)
        waiting = _told(tenant, stretch).where(_is_kept(), ~_is_here(), ~_is_dropped())
        query = waiting.order_by(Sample.received_at, Sample.sample)
        left = _SAMPLES - len(found)
        its = session.scalars(query.limit(left)).all()
        row.served = bool(left) and not its and row.until <= now
        found |= dict.fromkeys(its)
    return list(found)


def _of_device(session: Session, tenant: str, device: str) -> Sequence[WantedStretch]:
    """In the order in which they were asked for."""
    query = select(WantedStretch).where(WantedStretch.tenant == tenant, WantedStretch.device == device)
    return session.scalars(query.order_by(WantedStretch.asked_at, WantedStretch.task, WantedStretch.since)).all()


def _told(tenant: str, stretch: Stretch) -> Select[str]:
    return select(Sample.sample).where(
        Sample.tenant == tenant,
        Sample.device == stretch.device,
        Sample.task == stretch.task,
        Sample.received_at >= stretch.since,
        Sample.received_at < stretch.until,
    )


def _is_kept() -> ColumnElement[bool]:
    return Sample.sha256.is_not(None)


def _is_here() -> ColumnElement[bool]:
    return _has(SampleInput)


def _is_dropped() -> ColumnElement[bool]:
    return _has(DroppedInput)


def _has(table: type[SampleInput | DroppedInput]) -> ColumnElement[bool]:
    of_sample = (table.tenant == Sample.tenant, table.device == Sample.device, table.sample == Sample.sample)
    return select(table.sample).where(*of_sample).correlate(Sample).exists()


def _is_old(now: datetime) -> ColumnElement[bool]:
    return WantedStretch.asked_at <= now - _GOOD_FOR
