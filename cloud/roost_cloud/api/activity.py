"""`/activity`: what a tenant's answers came to over the last hours, and those of its devices."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field

from roost_cloud.activity import devices, sums, tasks
from roost_cloud.activity.additions import TaskSums
from roost_cloud.activity.devices import DeviceAnswers
from roost_cloud.activity.hours import LONGEST_HOURS, HourSpan, last_hours
from roost_cloud.api.auth import Given, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Name
from roost_cloud.api.prefix import PREFIX
from roost_cloud.db.tables import DeviceHealth
from roost_cloud.fleet import device_records
from roost_cloud.fleet.device_records import ConnectionState
from roost_cloud.services import Services

__all__ = ["Hours", "RatesModel", "SpanModel", "router"]

_DEVICES: Final = 200  # that can be asked for at once

router = APIRouter(prefix=f"{PREFIX}/activity", tags=["activity"])


@dataclass(frozen=True)
class HoursQuery:
    """Over which time."""

    hours: Annotated[int, Query(ge=1, le=LONGEST_HOURS, description="The hour that is, and those before it")] = 24

    def span(self, services: Services) -> HourSpan:
        """Which hours those are now."""
        return last_hours(services.now(), self.hours)


Hours = Annotated[HoursQuery, Depends()]


class RatesModel(BaseModel):
    """What answers came to; a share is null where devices did not tell."""

    answers: int
    deadline_rate: float | None = Field(description="Of the answers, those handed over by their deadline")
    other_share: float | None = Field(description="Of the answers, those neither preferred nor forced")


class SpanModel(BaseModel):
    """Whole hours by the cloud's clock, in which windows came."""

    since: datetime
    until: datetime


class ActivityModel(SpanModel, RatesModel):
    """What a tenant's answers came to, and how its devices are."""

    devices: dict[ConnectionState, int] = Field(description="How many are in which state now")


class DeviceRatesModel(RatesModel):
    """What a device's answers came to, of all its tasks."""

    device: str
    tasks: dict[str, RatesModel]


class HealthModel(BaseModel):
    """How a device last said that it is; of what it cannot tell, null."""

    received_at: datetime = Field(description="By the cloud's clock")
    temperature_c: float | None = Field(description="Of its warmest sensor, in degrees Celsius")
    spool_bytes: int | None = Field(description="Of inputs that wait for their upload")
    spool_limit_bytes: int | None
    waiting: int | None = Field(description="Inputs that wait")
    link: str | None = Field(description="The way to cloud contestants: good, bad, unknown or down")
    round_trip_ms: float | None = Field(description="Of a question, the median")


class DeviceActivityModel(SpanModel, DeviceRatesModel):
    """What a device's answers came to, and how it is."""

    health: HealthModel | None


@router.get("", responses=raises(401, 403))
def get_activity(member: Viewer, services: Given, asked: Hours) -> ActivityModel:
    """What all answers came to, and how many devices are in which state."""
    span = asked.span(services)
    together = TaskSums()
    with services.database.read() as session:
        for one in tasks.of_answers(session, member.tenant, None, span).values():
            together.include(one)
        states = device_records.count_states(session, member.tenant)
    rates = sums.rates_of_task(together)
    return ActivityModel(since=span.since, until=span.until, devices=states, **rates._asdict())


@router.get("/devices", responses=raises(401, 403))
def list_device_activity(
    member: Viewer,
    services: Given,
    asked: Hours,
    device: Annotated[list[Name], Query(min_length=1, max_length=_DEVICES)],
) -> list[DeviceRatesModel]:
    """What the answers of some devices came to, by name; nothing of one that told of nothing."""
    with services.database.read() as session:
        rows = devices.of_devices(session, member.tenant, device, asked.span(services))
    names = dict.fromkeys(row.device for row in rows)
    return [DeviceRatesModel(**_of_device(name, rows)) for name in names]


@router.get("/devices/{device}", responses=raises(401, 403, 404))
def get_device_activity(
    member: Viewer, services: Given, device: Annotated[Name, Path()], asked: Hours
) -> DeviceActivityModel:
    """What a device's answers came to, and how it is."""
    span = asked.span(services)
    with services.database.read() as session:
        health = devices.get_health(session, member.tenant, device)
        rows = devices.of_devices(session, member.tenant, [device], span)
    return DeviceActivityModel(since=span.since, until=span.until, health=_health(health), **_of_device(device, rows))


def _of_device(device: str, rows: list[DeviceAnswers]) -> dict[str, Any]:
    its = [row for row in rows if row.device == device]
    by_task = {row.task: RatesModel(**sums.rates_of_devices([row.sums])._asdict()) for row in its}
    return {"device": device, "tasks": by_task, **sums.rates_of_devices([row.sums for row in its])._asdict()}


def _health(row: DeviceHealth | None) -> HealthModel | None:
    return None if row is None else HealthModel(**{name: getattr(row, name) for name in HealthModel.model_fields})
