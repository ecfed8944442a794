"""What devices say that they run, of several at once."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import DeviceReport
from roost_shared.assignment import Reported
from roost_shared.messages import MessageError, decode_json

__all__ = ["Running", "running"]


class Running(NamedTuple):
    """A contestant of a task on a device.

    Attributes:
        task: its task.
        contestant: its name there.
        bundle: what it runs, `name:version@sha256:…`; None: nothing.
        state: how it fares, in a word.
    """

    task: str
    contestant: str
    bundle: str | None
    state: str


def running(session: Session, tenant: str, devices: Collection[str]) -> Mapping[str, list[Running]]:
    """By device; of one that has never said so, or said it to a later Roost, nothing."""
    query = select(DeviceReport.device, DeviceReport.document).where(
        DeviceReport.tenant == tenant, DeviceReport.device.in_(devices)
    )
    return {device: _told(document) for device, document in session.execute(query)}


def _told(document: bytes) -> list[Running]:
    try:
        told = decode_json(document, Reported)
    except MessageError:
        return []
    return [
        Running(task, name, one.bundle, one.state)
        for task, contestants in sorted(told.tasks.items())
        for name, one in sorted(contestants.items())
    ]
