"""`/drift`: how devices stand against their own beginnings, under which budget, and beginning anew."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from roost_cloud.alarms import showing
from roost_cloud.api.alarms import AlarmModel, TogetherModel, alarm_model, together_model
from roost_cloud.api.auth import Given, Operator, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Line, Moment, Name
from roost_cloud.api.labels import Selector
from roost_cloud.api.pages import Asked, Page
from roost_cloud.api.prefix import PREFIX
from roost_cloud.db.tables import Device
from roost_cloud.drift.budget import Kind
from roost_cloud.errors import NotFoundError
from roost_cloud.fleet import device_records
from roost_cloud.fleet.labels import parse_selector
from roost_cloud.monitor import anew
from roost_cloud.monitor import settings as settings_room
from roost_cloud.monitor.simulation import simulate
from roost_cloud.monitor.status import Promise, Standing, StreamStatus, promises, streams
from roost_cloud.samples.place import BadPlaceError
from roost_shared.topics import is_name

__all__ = ["router"]

router = APIRouter(prefix=f"{PREFIX}/drift", tags=["drift"])

_BUDGET_MAX: Final = 1000
_DEVICES_MAX: Final = 1000
_Budget = Annotated[float, Field(gt=0, le=_BUDGET_MAX)]


class KindModel(BaseModel):
    """One kind of drift of a task on a device."""

    kind: Kind
    contestant: str | None = Field(description="Whose windows are judged; null: the task's answers")
    bundle: str | None
    standing: Standing
    windows: int = Field(description="Decisions in its baseline")
    windows_wanted: int
    days: float = Field(description="That they span")
    days_wanted: float
    baseline_since: datetime
    baseline_by: str
    note: str | None
    problem: str | None = Field(description="Why it is not judged although its baseline is whole")
    unsteady: str | None = Field(description="How something changed while it was commissioned; null: nothing did")
    distance: float | None = Field(description="U of the last decision: T² by the device's own scatter")
    threshold: float | None = Field(description="Beyond which a decision exceeds; null: it cannot be told yet")
    last_at: datetime = Field(description="When the cloud had the last window of the last decision")
    alarm: str | None


class StreamModel(BaseModel):
    """A task on a device."""

    device: str
    task: str
    kinds: list[KindModel]


class PromiseModel(BaseModel):
    """What can be said of the budget of a task and kind."""

    task: str
    kind: Kind
    devices: int
    alarms_a_week: float = Field(description="Its share of the budget")
    weeks: float = Field(description="That are recorded, on average over devices")
    weeks_wanted: float = Field(description="That it takes to promise it")
    is_promised: bool


class TogetherAlarms(TogetherModel):
    """Alarms that belong together, and what they are."""

    found: list[AlarmModel]


class RebaselineBody(BaseModel):
    """What begins anew: a task on some devices."""

    model_config = ConfigDict(extra="forbid")

    task: Name
    devices: Annotated[list[Name], Field(max_length=_DEVICES_MAX)] = []
    labels: Annotated[list[Selector], Field(max_length=16, description="KEY=VALUE; all must match")] = []
    note: Line | None = None


class Rebaselined(BaseModel):
    """What began anew."""

    devices: list[str] = Field(description="That had a baseline")
    resolved: list[str] = Field(description="Alarms about what was")


class SimulatedModel(BaseModel):
    """A kind of drift under a budget."""

    alarms_a_week_allowed: float
    kind: Kind
    streams: int
    decisions: int
    weeks: float
    alarms: int = Field(description="That there would have been, each resolved at once")
    alarms_a_week: float | None
    raised: int = Field(description="Alarms that there were")
    is_promised: bool


@dataclass(frozen=True)
class StatusQuery:
    """Which devices are asked for."""

    task: Annotated[Name | None, Query()] = None
    device: Annotated[Name | None, Query()] = None


_Status = Annotated[StatusQuery, Depends()]


@router.get("/status", responses=raises(401, 403))
def get_status(member: Viewer, services: Given, page: Asked, chosen: _Status) -> Page[StreamModel]:
    """How tasks on devices stand, by device and task."""
    after = None if page.after is None else _place(page.after)
    with services.database.read() as session:
        settings = settings_room.get(session, member.tenant)
        rows = streams(session, member.tenant, settings, **vars(chosen), limit=page.rows, after=after)
    return page.of(rows, _stream, lambda row: "/".join(row[0]))


@router.get("/budget", responses=raises(401, 403))
def get_budget(member: Viewer, services: Given) -> list[PromiseModel]:
    """How the budget is split, and what of it can be promised."""
    with services.database.read() as session:
        found = promises(session, member.tenant, settings_room.get(session, member.tenant))
    return list(map(_promise, found))


@router.get("/together", responses=raises(401, 403))
def list_together(member: Viewer, services: Given) -> list[TogetherAlarms]:
    """Alarms that are not resolved; those of one cohort at one time are one."""
    now = services.now()
    with services.database.read() as session:
        found = showing.cohorts(session, member.tenant)
    return [
        TogetherAlarms(
            **dict(together_model(cohort)), found=[alarm_model(rows[one.alarm], now) for one in cohort.findings]
        )
        for cohort, rows in found
    ]


@router.post("/rebaseline", responses=raises(401, 403, 404))
def begin_anew(member: Operator, services: Given, body: RebaselineBody) -> Rebaselined:
    """Take what comes from now on as the new normal, and resolve alarms about what was."""
    now = services.now()
    with services.database.begin() as session:
        devices = _devices(session, member.tenant, body)
        begun = anew.begin_anew(session, member.tenant, devices, body.task, actor=member.name, note=body.note, now=now)
    return Rebaselined(**begun._asdict())


@router.get("/simulation", responses=raises(401, 403))
def get_simulation(
    member: Viewer,
    services: Given,
    budget: Annotated[list[_Budget], Query(min_length=1, max_length=8, description="False alarms a week")],
    since: Annotated[Moment | None, Query(description="Only decisions made since")] = None,
    task: Annotated[Name | None, Query()] = None,
) -> list[SimulatedModel]:
    """Alarms a week that the recorded decisions would have had under other budgets."""
    with services.database.read() as session:
        found = simulate(session, member.tenant, budget, since=since, task=task, now=services.now())
    return [
        SimulatedModel(
            alarms_a_week_allowed=one.budget,
            kind=one.kind,
            streams=one.streams,
            decisions=one.decisions,
            weeks=one.weeks,
            alarms=one.alarms,
            alarms_a_week=one.alarms_a_week,
            raised=one.raised,
            is_promised=one.is_promised,
        )
        for one in found
    ]


def _devices(session: Session, tenant: str, body: RebaselineBody) -> list[str]:
    """The devices that are named, and those that the labels choose.

    Raises:
        NotFoundError: the tenant has no such device.
    """
    for name in body.devices:
        if session.get(Device, (tenant, name)) is None:
            raise NotFoundError("device", name)
    if not body.labels:
        return sorted(set(body.devices))
    selectors = [parse_selector(text) for text in body.labels]
    chosen = device_records.page(session, tenant, selectors=selectors, limit=_DEVICES_MAX)
    return sorted({*body.devices, *(record.device.name for record in chosen)})


def _place(text: str) -> tuple[str, str]:
    device, _, task = text.partition("/")
    if not (is_name(device) and is_name(task)):
        raise BadPlaceError("`after` has to be the `next` of another page of the status")
    return device, task


def _stream(row: tuple[tuple[str, str], list[StreamStatus]]) -> StreamModel:
    (device, task), found = row
    kinds = [
        KindModel(
            **{name: getattr(one, name) for name in KindModel.model_fields if name != "contestant"},
            contestant=one.contestant or None,
        )
        for one in found
    ]
    return StreamModel(device=device, task=task, kinds=kinds)


def _promise(one: Promise) -> PromiseModel:
    return PromiseModel(
        task=one.task,
        kind=one.kind,
        devices=one.devices,
        alarms_a_week=one.budget,
        weeks=one.weeks,
        weeks_wanted=one.weeks_wanted,
        is_promised=one.is_promised,
    )
