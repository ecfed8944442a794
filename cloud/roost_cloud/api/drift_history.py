"""`/drift/history`, `/drift/lines`: how tasks on devices went, decision by decision."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from roost_cloud.alarms import showing, store
from roost_cloud.alarms.store import Chosen
from roost_cloud.api.auth import Given, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Name
from roost_cloud.api.prefix import PREFIX
from roost_cloud.drift.budget import Kind
from roost_cloud.fleet import device_records
from roost_cloud.monitor import history
from roost_cloud.monitor.history import History, Point, Statistic
from roost_cloud.registry import running
from roost_shared.sketches import LabelSpace

__all__ = ["HistoryModel", "LineModel", "PointModel", "StatisticModel", "router"]

router = APIRouter(prefix=f"{PREFIX}/drift", tags=["drift"])

_LAST_MAX: Final = 500
_LINES_MAX: Final = 100  # decisions of a line
_DEVICES_MAX: Final = 100
_ALARMS: Final = 100


class PointModel(BaseModel):
    """A decision, and what it said of a kind of drift."""

    number: int = Field(description="Of the decision; counts up")
    began_at: datetime
    ended_at: datetime
    requests: int
    seconds: float = Field(description="How long its windows were")
    bundle: str | None
    distance: float | None = Field(description="U; null: not judged")
    threshold: float | None = Field(description="Beyond which U exceeds; null: not judged")
    exceeded: bool
    commissioning: bool = Field(description="Whether it is of the baseline")


class StatisticModel(BaseModel):
    """One number of each decision."""

    name: str
    word: str = Field(description="What people call it")
    mean: float | None = Field(description="While the device was commissioned; null: too few decisions to say")
    low: float | None = Field(description=f"The mean less {history.BAND:g} standard deviations of those decisions")
    high: float | None = Field(description="The mean and as much more")
    values: list[float | None] = Field(description="One a point; null: it has none, or is of another world")


class MarkModel(BaseModel):
    """An alarm about it."""

    id: str
    since: datetime
    opened_at: datetime
    resolved_at: datetime | None
    summary: str


class HistoryModel(BaseModel):
    """A kind of drift of a task on a device."""

    device: str
    task: str
    kind: Kind
    contestant: str | None = Field(description="Whose windows; null: the task's answers")
    points: list[PointModel] = Field(description="The newest, in order")
    statistics: list[StatisticModel]
    alarms: list[MarkModel] = Field(description="About this, the newest first")


class LineModel(BaseModel):
    """The last decisions of a kind of drift, in short."""

    device: str
    task: str
    kind: Kind
    contestant: str | None
    points: list[PointModel]


@router.get("/history", responses=raises(401, 403, 404))
def get_history(
    member: Viewer,
    services: Given,
    device: Annotated[Name, Query()],
    task: Annotated[Name, Query()],
    kind: Annotated[Kind | None, Query()] = None,
    last: Annotated[int, Query(ge=1, le=_LAST_MAX, description="Decisions of each kind, the newest")] = 100,
) -> list[HistoryModel]:
    """How a task on a device went: distances and their threshold, statistics and their bands, alarms."""
    with services.database.read() as session:
        device_records.get(session, member.tenant, device)
        found = history.histories(session, member.tenant, device, task, kind=kind, last=last)
        alarms = store.page(session, member.tenant, Chosen(device=device, task=task), limit=_ALARMS)
        manifests = {id(one): running.manifest_of(session, member.tenant, one.points[-1].bundle) for one in found}
    return [
        HistoryModel(
            device=one.device,
            task=one.task,
            kind=one.kind,
            contestant=one.contestant or None,
            points=list(map(_point, one.points)),
            statistics=_statistics(
                one, showing.labels_of(services.objects, member.tenant, manifests[id(one)], one.space)
            ),
            alarms=[
                MarkModel(
                    id=row.id,
                    since=row.since,
                    opened_at=row.opened_at,
                    resolved_at=row.resolved_at,
                    summary=row.explanation.get("summary", ""),
                )
                for row in alarms
                if (row.kind, row.contestant) == (one.kind, one.contestant)
            ],
        )
        for one in found
    ]


@router.get("/lines", responses=raises(401, 403))
def list_lines(
    member: Viewer,
    services: Given,
    device: Annotated[list[Name], Query(min_length=1, max_length=_DEVICES_MAX)],
    task: Annotated[Name | None, Query()] = None,
    last: Annotated[int, Query(ge=1, le=_LINES_MAX, description="Decisions of each line, the newest")] = 48,
) -> list[LineModel]:
    """The last decisions of several devices, without statistics; of those that there are."""
    with services.database.read() as session:
        found = history.recent(session, member.tenant, device, task, last=last)
    return [
        LineModel(device=key[0], task=key[1], contestant=key[2] or None, kind=key[3], points=list(map(_point, points)))  # type: ignore[arg-type]  # written by us
        for key, points in sorted(found.items())
    ]


def _point(one: Point) -> PointModel:
    return PointModel(**one._asdict())


def _statistics(one: History, labels: LabelSpace | None) -> list[StatisticModel]:
    return [_statistic(each, labels) for each in one.statistics]


def _statistic(one: Statistic, labels: LabelSpace | None) -> StatisticModel:
    named = labels.labels_in(one.slot) if labels is not None and one.slot is not None else []
    band = one.band._asdict() if one.band is not None else dict.fromkeys(("mean", "low", "high"))
    word = f"share of {', '.join(named)}" if named else one.word
    return StatisticModel(name=one.name, word=word, values=one.values, **band)
