"""What devices' answers came to, and how devices are."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from roost_cloud.activity.additions import DeviceSums
from roost_cloud.activity.hours import HourSpan
from roost_cloud.db.tables import Device, DeviceHealth, DeviceHour
from roost_cloud.errors import NotFoundError

__all__ = ["DeviceAnswers", "get_health", "of_devices"]


@dataclass(frozen=True)
class DeviceAnswers:
    """Answers of a task on a device."""

    device: str
    task: str
    sums: DeviceSums


def of_devices(session: Session, tenant: str, devices: Sequence[str], span: HourSpan) -> list[DeviceAnswers]:
    """By device and task; nothing of a device that told of nothing.

    Hours are named one by one, so that each is a look at the key, however many devices there are in it.
    """
    sums = (func.sum(getattr(DeviceHour, field.name)) for field in fields(DeviceSums))
    query = select(DeviceHour.device, DeviceHour.task, *sums).where(
        DeviceHour.tenant == tenant, DeviceHour.hour.in_(span.hours), DeviceHour.device.in_(devices)
    )
    rows = session.execute(
        query.group_by(DeviceHour.device, DeviceHour.task).order_by(DeviceHour.device, DeviceHour.task)
    )
    return [DeviceAnswers(device, task, DeviceSums(*map(int, counts))) for device, task, *counts in rows]


def get_health(session: Session, tenant: str, device: str) -> DeviceHealth | None:
    """How a device last said that it is; None if it never did.

    Raises:
        NotFoundError: the tenant has no such device.
    """
    if session.get(Device, (tenant, device)) is None:
        raise NotFoundError("device", device)
    return session.get(DeviceHealth, (tenant, device))
