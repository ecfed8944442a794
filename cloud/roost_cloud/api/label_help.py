"""`/labels/guess`, `/labels/progress`: what models say of a sample, for whoever asks; how near the next run is."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from roost_cloud.api.auth import Given, Operator, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Name, SampleName
from roost_cloud.api.prefix import PREFIX
from roost_cloud.api.sample_labels import source_of
from roost_cloud.labels import claims, guessing
from roost_cloud.runs.awaiting import awaited

__all__ = ["GuessModel", "ProgressModel", "router"]

router = APIRouter(prefix=f"{PREFIX}/labels", tags=["labels"])


class GuessBody(BaseModel):
    """Of which sample somebody wants to know what models say."""

    model_config = ConfigDict(extra="forbid")

    device: Name
    sample: SampleName
    by: Name | None = Field(None, description="The person; null: whose token it is")


class SaidModel(BaseModel):
    """What a contestant says."""

    contestant: str
    label: str | None
    confidence: float | None


class NeighbourModel(BaseModel):
    """A sample of the same device and task, next in time."""

    sample: str
    received_at: datetime
    answered: str | None
    truth: str | None = Field(description="What people say; null: nothing yet")


class GuessModel(BaseModel):
    """What models say of a sample."""

    answered: str | None
    confidence: float | None
    said: list[SaidModel]
    neighbours: list[NeighbourModel] = Field(description="In order of time, two to each side, whose inputs are here")


class ProgressModel(BaseModel):
    """How near a task's next run is, by labels."""

    task: str
    new: int = Field(description="Samples that people have labelled since the last run was opened, or ever")
    opens_at: int | None = Field(description="So many open a run; null: none is opened by their number")
    run: str | None = Field(description="The run that is open")
    run_had: int | None = Field(description="Labels that it had when it found them too few; null: it has not")
    run_wanted: int = Field(description="Labels that a run needs")


@router.post("/guess", status_code=HTTPStatus.OK, responses=raises(401, 403, 404))
def show_guess(member: Operator, services: Given, body: GuessBody) -> GuessModel:
    """What models say of a sample. If it was handed to that person, their label of it is noted as not blind."""
    with services.database.begin() as session:
        found = guessing.guess_of(session, member.tenant, body.device, body.sample)
        claims.inform(session, member.tenant, body.device, body.sample, source_of(member, body.by))
    return GuessModel(
        answered=found.answered,
        confidence=found.confidence,
        said=[SaidModel(contestant=name, label=label, confidence=sure) for name, label, sure in found.said],
        neighbours=[NeighbourModel(**one._asdict()) for one in found.neighbours],
    )


@router.get("/progress", responses=raises(401, 403))
def get_progress(member: Viewer, services: Given, task: Annotated[Name, Query()]) -> ProgressModel:
    """How near a task's next run is, by labels."""
    with services.database.read() as session:
        found = awaited(session, member.tenant, task)
    return ProgressModel(task=task, **found._asdict())
