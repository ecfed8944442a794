"""What is known of devices, one or a page of them, however many there are.

A page is found by an index, whether or not it is asked for by label: `device_label (tenant, key, value, device)` lies
in the order of names, and so does the device table's own key. So it takes as long in a great fleet as in a small one.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, get_args

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, func, select, update
from sqlalchemy.orm import Session, aliased

from roost_cloud.db.tables import Device, DeviceLabel
from roost_cloud.errors import NotFoundError
from roost_cloud.fleet import certificates

__all__ = ["ConnectionState", "DeviceRecord", "count_states", "get", "labels_of", "page", "revoked", "set_all_offline"]

ConnectionState = Literal["online", "offline", "never"]


@dataclass(frozen=True)
class DeviceRecord:
    """One device.

    Attributes:
        device: its row.
        labels: its labels.
        certificate_expires_at: when the last of its certificates runs out; None if none is left.
    """

    device: Device
    labels: dict[str, str]
    certificate_expires_at: datetime | None


def get(session: Session, tenant: str, name: str) -> DeviceRecord:
    """One device.

    Raises:
        NotFoundError: the tenant has no such device.
    """
    device = session.get(Device, (tenant, name))
    if device is None:
        raise NotFoundError("device", name)
    return _records(session, tenant, [device])[0]


def page(
    session: Session,
    tenant: str,
    *,
    selectors: Collection[tuple[str, str]] = (),
    state: ConnectionState | None = None,
    named: str = "",
    limit: int,
    after: str | None = None,
) -> Sequence[DeviceRecord]:
    """A tenant's devices, by name.

    Args:
        session: to read with.
        tenant: whose.
        selectors: labels, all of which a device must have.
        state: which it must be in; None for any.
        named: what its name must hold; all names are looked through for it.
        limit: at most so many.
        after: only names that come after this one.
    """
    ordered = _names(session.get_bind().dialect.name, tenant, selectors, state, _Part(named, after))
    names = session.scalars(ordered.limit(limit)).all()
    query = select(Device).where(Device.tenant == tenant, Device.name.in_(names))
    return _records(session, tenant, session.scalars(query.order_by(Device.name)).all())


def count_states(session: Session, tenant: str) -> dict[ConnectionState, int]:
    """How many of a tenant's devices are in which state."""
    query = select(Device.state, func.count().label("devices")).where(Device.tenant == tenant).group_by(Device.state)
    found = {row.state: row.devices for row in session.execute(query)}
    return {state: found.get(state, 0) for state in get_args(ConnectionState)}


def revoked(session: Session) -> Sequence[tuple[str, str]]:
    """(tenant, device) of every device of the deployment whose identity was taken back."""
    rows = session.execute(select(Device.tenant, Device.name).where(Device.status == "revoked"))
    return [(tenant, name) for tenant, name in rows]


def labels_of(session: Session, tenant: str, devices: Collection[str] | None = None) -> dict[str, dict[str, str]]:
    """The labels of devices that have any, by name and in order; `devices` None: of all."""
    query = select(DeviceLabel.device, DeviceLabel.key, DeviceLabel.value).where(DeviceLabel.tenant == tenant)
    if devices is not None:
        query = query.where(DeviceLabel.device.in_(devices))
    labels: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for device, key, value in session.execute(query.order_by(DeviceLabel.device, DeviceLabel.key)):
        labels[device][key] = value
    return dict(labels)


def set_all_offline(session: Session) -> int:
    """Note that no device of any tenant is connected: their broker has just begun, and has forgotten what it retained.

    As when a device's topic is cleared, whatever is said of it next counts; see `presence.py`.

    Returns:
        How many were thought to be online.
    """
    statement = update(Device).where(Device.state == "online").values(state="offline", boot=None, session=None)
    return len(session.scalars(statement.returning(Device.name)).all())


class _Part(NamedTuple):
    """Some of the names, in order."""

    named: str
    after: str | None

    def of(self, name: SQLColumnExpression[str]) -> list[ColumnElement[bool]]:
        """What holds of a name among them."""
        asked = [name.contains(self.named, autoescape=True)] if self.named else []
        return asked if self.after is None else [name > self.after, *asked]


def _names(
    dialect: str, tenant: str, selectors: Collection[tuple[str, str]], state: ConnectionState | None, part: _Part
) -> Select[str]:
    """Names in order: by the device table's own index, or by the first selector's.

    What else a device must be is looked up for each one in turn, by subqueries that no planner makes a join of. As
    joins, PostgreSQL took 34 s for a page while it had no statistics yet, as after a fleet was enrolled in one go.
    """
    if not selectors:
        query = select(Device.name).where(Device.tenant == tenant).order_by(Device.name)
        if state is not None:
            query = query.where(Device.state == state)
        return query.where(*part.of(Device.name))
    (key, value), *others = selectors
    labelled = select(DeviceLabel.device).where(
        DeviceLabel.tenant == tenant, DeviceLabel.key == key, DeviceLabel.value == value
    )
    labelled = labelled.where(*part.of(DeviceLabel.device)).order_by(DeviceLabel.device)
    if not others and state is None:
        return labelled
    if dialect == "postgresql":
        labelled = labelled.offset(0)  # so that it looks at names in order, and ends when the page is full
    name = labelled.subquery().c.device
    query = select(name).order_by(name)
    for key, value in others:
        other = aliased(DeviceLabel)
        of_device = (other.tenant == tenant, other.device == name, other.key == key)
        query = query.where(select(other.value).where(*of_device).scalar_subquery() == value)
    if state is not None:
        its_state = select(Device.state).where(Device.tenant == tenant, Device.name == name).scalar_subquery()
        query = query.where(its_state == state)
    return query


def _records(session: Session, tenant: str, devices: Sequence[Device]) -> list[DeviceRecord]:
    names = [device.name for device in devices]
    labels = labels_of(session, tenant, names)
    expiries = certificates.expiries(session, tenant, names)
    return [DeviceRecord(device, labels.get(device.name, {}), expiries.get(device.name)) for device in devices]
