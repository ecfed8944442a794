"""`/labels/queue`, `summary`, `agreement`, `settings`: what to label next, and how the labels of a task stand."""

import secrets
from datetime import datetime, timedelta
from http import HTTPStatus
from random import Random
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from roost_cloud.api.auth import Given, Operator, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import ROLLOUT_PATTERN, Moment, Name
from roost_cloud.api.prefix import PREFIX
from roost_cloud.api.sample_labels import source_of
from roost_cloud.labels import claims, deciding
from roost_cloud.labels import settings as settings_room
from roost_cloud.labels.settings import LabelSettings
from roost_cloud.labels.space import find_space
from roost_cloud.labels.teachers import SampleKey
from roost_cloud.labels.waiting import Asked
from roost_cloud.rollouts import members, store
from roost_cloud.rollouts.ruling import disputed_samples
from roost_cloud.services import Services

__all__ = ["router"]

router = APIRouter(prefix=f"{PREFIX}/labels", tags=["labels"])

_Task = Annotated[Name, Query()]
_AT_ONCE: Final = 200
_LONGEST_S: Final = 86_400


class QueueBody(BaseModel):
    """Which samples somebody wants to label."""

    model_config = ConfigDict(extra="forbid")

    task: Name
    count: Annotated[int, Field(ge=1, le=_AT_ONCE)] = 10
    by: Name | None = Field(None, description="The person; null: whose token it is")
    devices: Annotated[list[Name], Field(max_length=100)] | None = Field(None, description="Only of these")
    since: Moment | None = Field(None, description="Only received then or later")
    second_opinions: bool = Field(False, description="Only what one other person has labelled")
    rollout: str | None = Field(
        None,
        pattern=ROLLOUT_PATTERN,
        description="Only inputs on which the candidate of this rollout, while it is a shadow, disagrees with what "
        "it shall replace: all alike, in random order",
    )
    for_s: Annotated[float, Field(ge=1, le=_LONGEST_S)] = Field(
        600, description="For how long nobody else is handed them, in seconds"
    )


class QueuedModel(BaseModel):
    """A sample to label. What models say of it is not told, so that it sways nobody."""

    device: str
    sample: str
    media_type: str
    input: str = Field(description="Path of its input")
    thumbnail: str = Field(description="Path of a small picture of it")


class QueuedSamples(BaseModel):
    """Samples to label, in no order that says anything of them."""

    items: list[QueuedModel]
    until: datetime
    labels: list[str] = Field(description="That the task has")


class SummaryModel(BaseModel):
    """How a task's labels stand."""

    task: str
    space: list[str] = Field(description="The labels that the task has")
    states: dict[str, int] = Field(description="Samples of which something was said: labelled, tied, cannot_tell…")
    labels: dict[str, int] = Field(description="Labelled samples, by label")
    kinds: dict[str, int] = Field(description="Labelled samples, by who labelled them: people or teachers")
    sources: dict[str, int] = Field(description="What was said, by who said it")


class PairModel(BaseModel):
    """Two people."""

    first: str
    second: str
    samples: int
    same: int
    kappa: float | None = Field(description="Cohen's; null where chance would do as well")


class AgreementModel(BaseModel):
    """How far people agree."""

    samples: int = Field(description="That two or more have labelled")
    alpha: float | None = Field(description="Krippendorff's; null where chance would do as well")
    pairs: list[PairModel]


class SettingsModel(BaseModel):
    """What counts as a label of a task's."""

    model_config = ConfigDict(extra="forbid")

    teachers: Annotated[list[Name], Field(max_length=16)] = Field(
        [], description="Contestants and programs that may label what no person did"
    )
    min_confidence: Annotated[float, Field(ge=0, le=1)] = Field(
        LabelSettings().min_confidence, description="That a teacher needs"
    )
    second_opinions: Annotated[float, Field(ge=0, le=1)] = Field(
        LabelSettings().second_opinions, description="Share of labelled samples that a second person sees"
    )


@router.post("/queue", status_code=HTTPStatus.OK, responses=raises(401, 403, 404))
def take_samples(member: Operator, services: Given, body: QueueBody) -> QueuedSamples:
    """Take samples to label: at least half at random, the rest where a label tells most; nobody else gets them."""
    among = None if body.rollout is None else _disputed(services, member.tenant, body.rollout)
    asked = Asked(body.task, source_of(member, body.by), body.devices, body.since, body.second_opinions, among)
    now = services.now()
    random = Random(secrets.randbits(64))  # noqa: S311 - nobody gains by foreseeing it
    taken = claims.take(
        services.database, member.tenant, asked, count=body.count, for_s=body.for_s, now=now, random=random
    )
    space = find_space(services.database, services.objects, member.tenant, body.task)
    items = [_queued(place.device, place.sample, place.media_type) for _, place in taken]
    return QueuedSamples(items=items, until=now + timedelta(seconds=body.for_s), labels=list(space.labels))


@router.get("/summary", responses=raises(401, 403))
def get_summary(member: Viewer, services: Given, task: _Task) -> SummaryModel:
    """How a task's labels stand."""
    with services.database.read() as session:
        found = deciding.summarise(session, member.tenant, task)
    space = find_space(services.database, services.objects, member.tenant, task)
    return SummaryModel(task=task, space=list(space.labels), **{name: dict(of) for name, of in vars(found).items()})


@router.get("/agreement", responses=raises(401, 403))
def get_agreement(member: Viewer, services: Given, task: _Task) -> AgreementModel:
    """How far the people who labelled a task's samples agree."""
    with services.database.read() as session:
        found = deciding.agree(session, member.tenant, task)
    pairs = [PairModel(**pair._asdict()) for pair in found.pairs]
    return AgreementModel(samples=found.samples, alpha=found.alpha, pairs=pairs)


@router.get("/settings", responses=raises(401, 403))
def get_settings(member: Viewer, services: Given, task: _Task) -> SettingsModel:
    """What counts as a label of a task's."""
    with services.database.read() as session:
        return _settings(settings_room.get(session, member.tenant, task))


@router.put("/settings", responses=raises(401, 403))
def set_settings(member: Operator, services: Given, task: _Task, body: SettingsModel) -> SettingsModel:
    """Change it; snapshots made from now on follow."""
    settings = settings_room.read_settings(body.model_dump())
    with services.database.begin() as session:
        settings_room.put(session, member.tenant, task, settings, actor=member.name, now=services.now())
    return _settings(settings)


def _disputed(services: Services, tenant: str, rollout: str) -> list[SampleKey]:
    with services.database.read() as session:
        row = store.get(session, tenant, rollout)
        standing, (devices, _) = store.decode_rollout(row), members.load(session, tenant, rollout)
        return disputed_samples(session, tenant, store.subject_of(row), standing, devices)


def _settings(settings: LabelSettings) -> SettingsModel:
    return SettingsModel.model_validate(msgspec.to_builtins(settings))


def _queued(device: str, sample: str, media_type: str) -> QueuedModel:
    path = f"/api/v1/samples/{device}/{sample}"
    return QueuedModel(
        device=device, sample=sample, media_type=media_type, input=f"{path}/input", thumbnail=f"{path}/thumbnail"
    )
