"""`/alarms`: findings that need somebody's time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from roost_cloud.alarms import showing, store
from roost_cloud.alarms.cohorts import Cohort
from roost_cloud.alarms.state import Standing, State, is_muted
from roost_cloud.alarms.store import Chosen, Place, parse_place
from roost_cloud.api.auth import Given, Operator, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Line, Moment, Name
from roost_cloud.api.pages import Asked, Page
from roost_cloud.api.prefix import PREFIX
from roost_cloud.db.tables import Alarm
from roost_cloud.drift.budget import Kind
from roost_cloud.samples.listing import Listed
from roost_shared.sketches import LabelSpace

__all__ = ["AlarmModel", "alarm_model", "router"]

router = APIRouter(prefix=f"{PREFIX}/alarms", tags=["alarms"])

_Alarm = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]


class MovedModel(BaseModel):
    """Something that moved."""

    what: str
    word: str | None = Field(None, description="What people call it")
    deviations: float | None = Field(description="By how many; null: it had never moved before")
    labels: list[str] | None = Field(None, description="Of a share of labels, which; null: not known here")
    before: float | None = Field(None, description="Of a share, when commissioned")
    now: float | None = None
    times: float | None = Field(None, description="Of a rate, how many times it is what it was")


class AlarmModel(BaseModel):
    """An alarm, in short."""

    id: str
    device: str
    task: str
    kind: Kind
    state: State
    is_muted: bool
    muted_until: datetime | None
    contestant: str | None = Field(description="Whose windows say so; null: the task's answers")
    bundle: str | None
    cause: Literal["input", "model", "unknown"] = Field(description="input: the world changed; model: the model did")
    summary: str
    since: datetime
    opened_at: datetime
    last_exceeded_at: datetime = Field(description="When a decision said so for the last time")
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    resolved_by: str | None
    note: str | None


class ShownSample(BaseModel):
    """A sample of the device and time."""

    device: str
    sample: str
    received_at: datetime
    label: str | None
    confidence: float | None
    has_input: bool = Field(description="Whether its input is in the cloud")


class TogetherModel(BaseModel):
    """Alarms that belong together."""

    label: str | None = Field(description="KEY=VALUE that their devices share")
    alarms: list[str]
    devices: list[str]


class SeenToModel(BaseModel):
    """A training run that sees to an alarm."""

    run: str
    state: str
    candidate: str = Field(description="NAME:VERSION of what it makes")


class WholeAlarm(AlarmModel):
    """An alarm, whole."""

    moved: list[MovedModel]
    decisions_exceeded: int
    decisions_looked_at: int
    distance: float | None
    threshold: float | None
    threshold_by: Literal["replay", "leaving_out"] | None
    budget_is_promised: bool | None
    unsteady: str | None = Field(description="How something changed while the device was commissioned, if it did")
    primary_moved: bool | None = Field(description="Whether its contestant's confidence moved; null: not told")
    baseline_moved: bool | None = Field(description="Whether the baseline contestant's did")
    samples: list[ShownSample]
    runs: list[SeenToModel] = Field(description="Training runs that see to it, the newest first")
    together: TogetherModel | None


class NoteBody(BaseModel):
    """What a person has to say of it."""

    model_config = ConfigDict(extra="forbid")

    note: Line | None = None


class MuteBody(NoteBody):
    """Until when nobody is told."""

    until: Moment | None = Field(description="null: tell again")


@dataclass(frozen=True)
class ChosenQuery:
    """Which alarms are asked for."""

    state: Annotated[State | None, Query()] = None
    unresolved: Annotated[bool | None, Query(description="Open or acknowledged")] = None
    kind: Annotated[Kind | None, Query()] = None
    task: Annotated[Name | None, Query()] = None
    device: Annotated[Name | None, Query()] = None


_Chosen = Annotated[ChosenQuery, Depends()]


@router.get("", responses=raises(401, 403))
def list_alarms(member: Viewer, services: Given, page: Asked, chosen: _Chosen) -> Page[AlarmModel]:
    """Alarms, the newest first."""
    after = None if page.after is None else parse_place(page.after)
    with services.database.read() as session:
        rows = store.page(session, member.tenant, Chosen(**vars(chosen)), limit=page.rows, after=after)
    now = services.now()
    return page.of(rows, lambda row: alarm_model(row, now), lambda row: str(Place(row.opened_at, row.id)))


@router.get("/{alarm}", responses=raises(401, 403, 404))
def get_alarm(member: Viewer, services: Given, alarm: _Alarm) -> WholeAlarm:
    """One alarm: what moved and how far, whose fault it is, samples that show it, other devices that have it too."""
    with services.database.read() as session:
        row = store.get(session, member.tenant, alarm)
        samples = showing.samples_of(session, row)
        cohort = showing.cohort_of(session, row)
        manifest = showing.manifest_of(session, row)
        runs = showing.runs_of(session, row)
    told = row.explanation
    labels = showing.labels_of(services.objects, member.tenant, manifest, told.get("label_space"))
    models = told.get("models_moved", {})
    return WholeAlarm(
        **dict(alarm_model(row, services.now())),
        moved=[_moved(one, labels) for one in told.get("moved", ())],
        distance=told.get("distance"),
        threshold=told.get("threshold"),
        threshold_by=told.get("threshold_by"),
        budget_is_promised=told.get("budget_is_promised"),
        unsteady=told.get("unsteady"),
        decisions_exceeded=told["decisions_exceeded"],
        decisions_looked_at=told["decisions_looked_at"],
        primary_moved=models.get("primary"),
        baseline_moved=models.get("baseline"),
        samples=list(map(_sample, samples)),
        runs=[SeenToModel(run=one.id, state=one.state, candidate=f"{one.name}:{one.version}") for one in runs],
        together=None if cohort is None else together_model(cohort),
    )


@router.post("/{alarm}/acknowledge", responses=raises(401, 403, 404, 409))
def acknowledge_alarm(member: Operator, services: Given, alarm: _Alarm, body: NoteBody) -> AlarmModel:
    """Say that somebody sees to it; again is no change."""
    now = services.now()
    with services.database.begin() as session:
        row = store.acknowledge_alarm(session, member.tenant, alarm, note=body.note, actor=member.name, now=now)
        return alarm_model(row, now)


@router.post("/{alarm}/resolve", responses=raises(401, 403, 404))
def resolve_alarm(member: Operator, services: Given, alarm: _Alarm, body: NoteBody) -> AlarmModel:
    """Say that it is over: if it is so again, another comes. Again is no change."""
    now = services.now()
    with services.database.begin() as session:
        row = store.resolve_alarm(session, member.tenant, alarm, note=body.note, actor=member.name, now=now)
        return alarm_model(row, now)


@router.post("/{alarm}/mute", responses=raises(401, 403, 404, 409))
def mute_alarm(member: Operator, services: Given, alarm: _Alarm, body: MuteBody) -> AlarmModel:
    """Tell nobody of it until a time, or tell again."""
    now, note, actor = services.now(), body.note, member.name
    with services.database.begin() as session:
        row = store.mute_alarm(session, member.tenant, alarm, until=body.until, note=note, actor=actor, now=now)
        return alarm_model(row, now)


def alarm_model(row: Alarm, now: datetime) -> AlarmModel:
    """An alarm as the API shows it."""
    standing = Standing(row.state, row.muted_until)  # type: ignore[arg-type]  # the table allows no other
    made = {
        "contestant": row.contestant or None,
        "is_muted": is_muted(standing, now),
        "summary": row.explanation.get("summary", ""),
    }
    return AlarmModel(**{name: getattr(row, name) for name in AlarmModel.model_fields if name not in made}, **made)


def together_model(cohort: Cohort) -> TogetherModel:
    """A cohort as the API shows it."""
    return TogetherModel(
        label=None if cohort.label is None else "=".join(cohort.label),
        alarms=[one.alarm for one in cohort.findings],
        devices=[one.device for one in cohort.findings],
    )


def _moved(told: dict[str, Any], labels: LabelSpace | None) -> MovedModel:
    slot = told.get("slot")
    named = labels.labels_in(slot) if labels is not None and slot is not None else None
    return MovedModel(**{name: value for name, value in told.items() if name != "slot"}, labels=named)


def _sample(one: Listed) -> ShownSample:
    shown = {name: getattr(one.row, name) for name in ShownSample.model_fields if name != "has_input"}
    return ShownSample(**shown, has_input=one.input is not None)
