"""What people do to devices: give them labels, revoke them, delete them. Enrolment makes them (`enrolment.py`)."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.assignments import desired
from roost_cloud.db.tables import Device, DeviceLabel
from roost_cloud.errors import ConflictError, NotFoundError
from roost_cloud.fleet import certificates, enrolment_tokens
from roost_cloud.fleet.labels import changed
from roost_cloud.people import audit

__all__ = ["delete", "locked", "relabel", "revoke"]


def locked(session: Session, tenant: str, name: str) -> Device:
    """A device's row, nobody else's until the transaction ends: so its certificates change by one hand at a time.

    Raises:
        NotFoundError: the tenant has no such device.
    """
    device = session.get(Device, (tenant, name), with_for_update=True, populate_existing=True)
    if device is None:
        raise NotFoundError("device", name)
    return device


def relabel(
    session: Session, tenant: str, name: str, changes: Mapping[str, str | None], *, actor: str, now: datetime
) -> None:
    """Change a device's labels: a value sets one, None removes one, the others stay.

    Raises:
        NotFoundError: the tenant has no such device.
        LabelError: a label is none, or there would be too many.
    """
    locked(session, tenant, name)
    of_device = (DeviceLabel.tenant == tenant, DeviceLabel.device == name)
    rows = {row.key: row for row in session.scalars(select(DeviceLabel).where(*of_device))}
    before = {key: row.value for key, row in rows.items()}
    after = changed(before, changes)
    if after == before:
        return
    for key, row in rows.items():
        if key not in after:
            session.delete(row)
        else:
            row.value = after[key]
    session.add_all(
        DeviceLabel(tenant=tenant, device=name, key=key, value=value)
        for key, value in after.items()
        if key not in rows
    )
    made = {key: after.get(key) for key in changes if before.get(key) != after.get(key)}
    audit.record(session, tenant=tenant, actor=actor, action="device.label", subject=name, now=now, labels=made)


def revoke(session: Session, tenant: str, name: str, *, actor: str, now: datetime) -> None:
    """Take a device's identity back, and every right to become it; again is no error.

    Only a token made afterwards, to replace it, brings it back. Whoever calls cuts its connections once this has
    been committed.

    Raises:
        NotFoundError: the tenant has no such device.
    """
    known = session.get(Device, (tenant, name))
    if known is not None and known.status == "revoked":
        return
    # Tokens before the device, in the order in which enrolment locks them: else the two could wait for each other.
    enrolment_tokens.revoke_unused(session, tenant, name, actor=actor, now=now)
    device = locked(session, tenant, name)
    device.status, device.revoked_at, device.broker_secret_sha256 = "revoked", now, None
    serials = certificates.revoke(session, tenant, name, now=now)
    desired.mark(session, tenant, name)
    audit.record(
        session, tenant=tenant, actor=actor, action="device.revoke", subject=name, now=now, serials=sorted(serials)
    )


def delete(session: Session, tenant: str, name: str, *, actor: str, now: datetime) -> None:
    """Forget a revoked device. Its certificates are remembered: brokers must refuse them until they run out.

    Raises:
        NotFoundError: the tenant has no such device.
        ConflictError: it is not revoked.
    """
    device = locked(session, tenant, name)
    if device.status != "revoked":
        raise ConflictError(f"the device {name!r} is enrolled: revoke it first")
    desired.withdraw(session, tenant, name)
    session.delete(device)
    session.flush()
    audit.record(session, tenant=tenant, actor=actor, action="device.delete", subject=name, now=now)
