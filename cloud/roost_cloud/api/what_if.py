"""`/activity/tasks/{task}/what-if`: what recorded requests would have been answered with another bar or deadline."""

from datetime import datetime, timedelta
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from roost_cloud.activity import tasks
from roost_cloud.activity.hours import LONGEST_HOURS
from roost_cloud.api.auth import Given, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Name
from roost_cloud.api.prefix import PREFIX
from roost_cloud.replay.span import Span

__all__ = ["router"]

router = APIRouter(prefix=f"{PREFIX}/activity", tags=["activity"])

_MOST: Final = 2000  # requests that are played for one question
_LONGEST_MS: Final = 24 * 3600 * 1000


class ShareModel(BaseModel):
    """Some of the requests."""

    count: int
    share: float | None = Field(description="Each request weighted by how many it stands for")


class AnswersModel(BaseModel):
    """Answers of one contestant for one reason."""

    contestant: str | None = Field(description="null: the default")
    reason: str
    share: ShareModel


class SideModel(BaseModel):
    """Answers, as they were or as they would have been."""

    answers: list[AnswersModel]
    at_edge: ShareModel
    asked: ShareModel = Field(description="Of the cloud")
    deadline_met: ShareModel
    p50_ms: float | None
    p99_ms: float | None


class ChangeModel(BaseModel):
    """What was answered, in short."""

    contestant: str | None
    label: str | None
    reason: str
    elapsed_ms: float


class ExampleModel(BaseModel):
    """A request whose answer changes."""

    device: str
    sample: str
    recorded: ChangeModel
    replayed: ChangeModel


class ChangesModel(BaseModel):
    """Answers that change alike."""

    change: str
    share: ShareModel


class WhatIfModel(BaseModel):
    """What was answered beside what would have been."""

    since: datetime
    until: datetime
    records: int = Field(description="Requests that were looked at, the newest first")
    replayed: int
    stand_for: float = Field(description="Requests that these stand for")
    left_out: dict[str, int] = Field(description="By reason, those that cannot be played exactly")
    why_left_out: dict[str, str]
    differs_from_recorded: ShareModel = Field(description="By their own rules they are answered otherwise")
    unknown: dict[str, int] = Field(description="By contestant: nobody knows what it would have said")
    recorded: SideModel
    would_be: SideModel
    changed: ShareModel
    changes: list[ChangesModel]
    examples: list[ExampleModel]


@router.get("/tasks/{task}/what-if", responses=raises(401, 403, 404))
def what_if(
    member: Viewer,
    services: Given,
    task: Annotated[Name, Path()],
    contestant: Annotated[Name | None, Query(description="Whose bar is another")] = None,
    bar: Annotated[float | None, Query(ge=0, le=1, description="The confidence that it needs")] = None,
    deadline_ms: Annotated[float | None, Query(gt=0, le=_LONGEST_MS)] = None,
    hours: Annotated[int, Query(ge=1, le=LONGEST_HOURS)] = LONGEST_HOURS,
    limit: Annotated[int, Query(ge=1, le=_MOST, description="Requests, the newest first")] = 500,
) -> WhatIfModel:
    """Play recorded requests through the rendezvous policy again, by these rules."""
    from roost_cloud.activity.what_if import what_if as play  # noqa: PLC0415 - only who asks needs what replays
    from roost_cloud.replay.other_rules import OtherRules  # noqa: PLC0415 - see above

    bars = {} if contestant is None or bar is None else {contestant: bar}
    now = services.now()
    # The samples of a batch are a microsecond apart: those that have just come lie a little ahead.
    span = Span(now - timedelta(hours=hours), now + timedelta(seconds=1))
    with services.database.read() as session:
        tasks.check_task(session, member.tenant, task)
        report = play(session, member.tenant, task, span, OtherRules(bars=bars, deadline_ms=deadline_ms), most=limit)
    return WhatIfModel(since=span.since, until=span.until, **msgspec.to_builtins(report))
