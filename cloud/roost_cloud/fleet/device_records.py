"""What is known of devices, one or a page of them, however many there are.

A page is found by an index, whether or not it is asked for by label: `device_label (tenant, key, value, device)` lies
in the order of names, and so does the device table's own key. So it takes as long in a great fleet as in a small one.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Select, and_, select
from sqlalchemy.orm import Session, aliased

from roost_cloud.db.tables import Device, DeviceLabel
from roost_cloud.errors import NotFoundError
from roost_cloud.fleet import certificates

__all__ = ["ConnectionState", "DeviceRecord", "get", "page", "revoked"]

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
    limit: int,
    after: str | None = None,
) -> Sequence[DeviceRecord]:
    """A tenant's devices, by name.

    Args:
        session: to read with.
        tenant: whose.
        selectors: labels, all of which a device must have.
        state: which it must be in; None for any.
        limit: at most so many.
        after: only names that come after this one.
    """
    query = _labelled(tenant, selectors, after)
    if state is not None:
        query = query.where(Device.state == state)
    return _records(session, tenant, session.scalars(query.limit(limit)).all())


def revoked(session: Session) -> Sequence[tuple[str, str]]:
    """(tenant, device) of every device of the deployment whose identity was taken back."""
    rows = session.execute(select(Device.tenant, Device.name).where(Device.status == "revoked"))
    return [(tenant, name) for tenant, name in rows]


def _labelled(tenant: str, selectors: Collection[tuple[str, str]], after: str | None) -> Select[Device]:
    """Devices in the order of their names; with selectors, in that of the first one's index."""
    query = select(Device).where(Device.tenant == tenant)
    names = Device.name
    for number, (key, value) in enumerate(selectors):
        label = aliased(DeviceLabel)
        same = and_(label.tenant == Device.tenant, label.device == Device.name)
        query = query.join(label, same).where(label.tenant == tenant, label.key == key, label.value == value)
        if number == 0:
            names = label.device
    if after is not None:
        query = query.where(names > after)
    return query.order_by(names)


def _records(session: Session, tenant: str, devices: Sequence[Device]) -> list[DeviceRecord]:
    names = [device.name for device in devices]
    labels: defaultdict[str, dict[str, str]] = defaultdict(dict)
    rows = select(DeviceLabel.device, DeviceLabel.key, DeviceLabel.value).where(
        DeviceLabel.tenant == tenant, DeviceLabel.device.in_(names)
    )
    for name, key, value in session.execute(rows.order_by(DeviceLabel.device, DeviceLabel.key)):
        labels[name][key] = value
    expiries = certificates.expiries(session, tenant, names)
    return [DeviceRecord(device, labels[device.name], expiries.get(device.name)) for device in devices]
