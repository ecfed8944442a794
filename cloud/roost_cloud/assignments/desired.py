"""Which `desired` topics have yet to be published, and which the broker has confirmed.

Whatever changes what a topic shall hold counts up its row's `change`, in the same transaction; whoever publishes it
notes the `change` that the broker has confirmed. Any number of workers may publish: where one finds that another was
about something else meanwhile, nobody can tell whose came last, and it is published once more.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import Select, and_, delete, or_, select, tuple_, update
from sqlalchemy.orm import Session

from roost_cloud.db.insert import insert_absent
from roost_cloud.db.keyed import keyed
from roost_cloud.db.tables import AssignedBundle, AssignmentVersion, Device, DeviceAssignment, DeviceReport

__all__ = ["Due", "confirm", "due", "every", "mark", "retell", "state", "withdraw"]

_SAID_ENOUGH: Final = timedelta(seconds=30)  # to a device that shows an older version, before it is told again


class Due(NamedTuple):
    """What a topic shall hold.

    Attributes:
        tenant: whose device.
        device: its name.
        payload: empty where the topic shall be.
        change: of its row, as read.
        told: the same.
    """

    tenant: str
    device: str
    payload: bytes
    change: int
    told: int


def state(session: Session, tenant: str, device: str, version: int) -> None:
    """Note a device's newest version, 0 for none any more, and that it has to be published.

    Whoever calls has the device's row locked.
    """
    row = {"version": version, "change": 1, "told": 0, "told_at": None}
    while not _change(session, tenant, device, version=version):
        if insert_absent(session, DeviceAssignment, tenant=tenant, device=device, **row):
            break  # else it is there again: `confirm` may remove one that is for nothing at any moment


def mark(session: Session, tenant: str, device: str) -> None:
    """Note that a device's topic has to be published, as where it is revoked, or signed anew; for none is nothing."""
    _change(session, tenant, device)


def withdraw(session: Session, tenant: str, device: str) -> None:
    """Note that a device is assigned nothing any more, as where it is deleted."""
    of_device = (AssignedBundle.tenant == tenant, AssignedBundle.device == device)
    session.execute(delete(AssignedBundle).where(*of_device))
    _change(session, tenant, device, version=0)


def retell(session: Session, devices: Iterable[tuple[str, str]], now: datetime) -> None:
    """Have devices told once more that seem not to know their newest version: the broker may have lost it.

    Args:
        session: to write with.
        devices: tenant and name of those that were heard of.
        now: by our clock; whoever was told a moment ago is left to it.
    """
    keys = sorted(set(devices))
    report = and_(DeviceReport.tenant == DeviceAssignment.tenant, DeviceReport.device == DeviceAssignment.device)
    behind = (
        select(DeviceAssignment.tenant, DeviceAssignment.device)
        .outerjoin(DeviceReport, report)
        .where(
            keyed((DeviceAssignment.tenant, DeviceAssignment.device), keys),
            DeviceAssignment.told == DeviceAssignment.change,
            or_(DeviceAssignment.told_at.is_(None), DeviceAssignment.told_at < now - _SAID_ENOUGH),
            or_(DeviceReport.desired.is_(None), DeviceReport.desired < DeviceAssignment.version),
        )
        .order_by(DeviceAssignment.tenant, DeviceAssignment.device)
    )
    for tenant, device in session.execute(behind).all():
        _change(session, tenant, device)


def due(session: Session, limit: int) -> Sequence[Due]:
    """Some of what has yet to be published."""
    return _read(session, _topics().where(DeviceAssignment.told != DeviceAssignment.change).limit(limit))


def every(session: Session, limit: int, after: tuple[str, str] | None = None) -> Sequence[Due]:
    """All topics there are, by tenant and device, behind `after`."""
    query = _topics().limit(limit)
    if after is not None:
        query = query.where(tuple_(DeviceAssignment.tenant, DeviceAssignment.device) > tuple_(*after))
    return _read(session, query)


def confirm(session: Session, published: Iterable[Due], now: datetime) -> None:
    """Note what the broker has confirmed."""
    sent = {(one.tenant, one.device): one for one in published}
    query = (
        select(DeviceAssignment)
        .where(keyed((DeviceAssignment.tenant, DeviceAssignment.device), sorted(sent)))
        .order_by(DeviceAssignment.tenant, DeviceAssignment.device)
        .with_for_update()
    )
    for row in session.scalars(query):
        one = sent[row.tenant, row.device]
        if row.told not in (one.told, one.change):
            row.change += 1  # another worker was about something else: nobody knows whose came last
            continue
        if row.told != one.change:
            row.told, row.told_at = one.change, now
        if row.version == 0 and row.change == row.told:
            session.delete(row)


def _change(session: Session, tenant: str, device: str, **fields: int) -> bool:
    """Whether there is such a row."""
    of_device = (DeviceAssignment.tenant == tenant, DeviceAssignment.device == device)
    changed = update(DeviceAssignment).where(*of_device).values(change=DeviceAssignment.change + 1, **fields)
    return session.scalar(changed.returning(DeviceAssignment.device)) is not None


_Topics = Select[str, str, bytes, str, int, int]  # the third and fourth may be None: they are joined from outside


def _topics() -> _Topics:
    newest = and_(
        AssignmentVersion.tenant == DeviceAssignment.tenant,
        AssignmentVersion.device == DeviceAssignment.device,
        AssignmentVersion.version == DeviceAssignment.version,
    )
    device = and_(Device.tenant == DeviceAssignment.tenant, Device.name == DeviceAssignment.device)
    return (
        select(
            DeviceAssignment.tenant,
            DeviceAssignment.device,
            AssignmentVersion.envelope,
            Device.status,
            DeviceAssignment.change,
            DeviceAssignment.told,
        )
        .outerjoin(AssignmentVersion, newest)
        .outerjoin(Device, device)
        .order_by(DeviceAssignment.tenant, DeviceAssignment.device)
    )


def _read(session: Session, query: _Topics) -> list[Due]:
    return [
        Due(tenant, device, (envelope or b"") if status == "enrolled" else b"", change, told)
        for tenant, device, envelope, status, change, told in session.execute(query)
    ]
