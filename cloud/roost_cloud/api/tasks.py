"""`/tasks`: the tasks whose contestants the cloud runs."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from roost_cloud.api.auth import Given, Operator, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Line, Name
from roost_cloud.api.pages import Asked, Page
from roost_cloud.api.prefix import PREFIX
from roost_cloud.db import tables
from roost_cloud.tasks import store
from roost_cloud.tasks.document import CONTESTANTS_MAX, read_task

__all__ = ["router"]

router = APIRouter(prefix=f"{PREFIX}/tasks", tags=["tasks"])

_Task = Annotated[Name, Path()]
_Milliseconds = Annotated[float, Field(ge=0, le=24 * 3600 * 1000)]


class RuleModel(BaseModel):
    """From `after_ms` on, a score of contestant `accept` will do if its confidence reaches `min_confidence`."""

    model_config = ConfigDict(extra="forbid")

    accept: Name
    after_ms: _Milliseconds = 0
    min_confidence: Annotated[float, Field(ge=0, le=1)] | None = None


class ContestantModel(BaseModel):
    """A model taking part."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    bundle: Annotated[str, Field(max_length=130, description="NAME@ALIAS or NAME:VERSION")]
    where: Literal["cloud"] = "cloud"
    role: Literal["answer", "baseline", "shadow"] = "answer"


class TaskDocument(BaseModel):
    """What a task says, as `[tasks.NAME]` of agent.toml does."""

    model_config = ConfigDict(extra="forbid")

    deadline_ms: _Milliseconds = 300
    max_deadline_ms: _Milliseconds | None = None
    guard_ms: _Milliseconds = 5
    default: Line | None = None
    early_advance: bool = True
    contestants: Annotated[list[ContestantModel], Field(min_length=1, max_length=CONTESTANTS_MAX)]
    rules: Annotated[list[RuleModel], Field(max_length=64)] = []


class TaskModel(BaseModel):
    """A task."""

    name: str
    document: TaskDocument
    version: int  # one more with each change
    updated_at: datetime
    updated_by: str


@router.get("", responses=raises(401, 403, 422))
def list_tasks(member: Viewer, services: Given, page: Asked) -> Page[TaskModel]:
    """The tenant's tasks, by name."""
    with services.database.read() as session:
        rows = store.page(session, member.tenant, limit=page.rows, after=page.after)
    return page.of(rows, _model, lambda row: row.name)


@router.get("/{task}", responses=raises(401, 403, 404, 422))
def get_task(member: Viewer, services: Given, task: _Task) -> TaskModel:
    """One task."""
    with services.database.read() as session:
        return _model(store.get(session, member.tenant, task))


@router.put("/{task}", responses=raises(401, 403, 422))
def set_task(member: Operator, services: Given, task: _Task, document: TaskDocument) -> TaskModel:
    """Make a task, or change it; scorers follow within seconds."""
    read = read_task(task, document.model_dump())
    with services.database.begin() as session:
        return _model(store.put(session, member.tenant, task, read, actor=member.name, now=services.now()))


@router.delete("/{task}", status_code=HTTPStatus.NO_CONTENT, responses=raises(401, 403, 404, 422))
def delete_task(member: Operator, services: Given, task: _Task) -> None:
    """Remove a task: nobody scores its questions from now on."""
    with services.database.begin() as session:
        store.delete(session, member.tenant, task, actor=member.name, now=services.now())


def _model(row: tables.CloudTask) -> TaskModel:
    return TaskModel(
        name=row.name,
        document=TaskDocument.model_validate(row.document),
        version=row.version,
        updated_at=row.updated_at,
        updated_by=row.updated_by,
    )
