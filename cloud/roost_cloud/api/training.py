"""`/training`: what a tenant wants of the training of each task."""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from roost_cloud.api.auth import Given, Operator, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Name
from roost_cloud.api.pages import Asked, Page
from roost_cloud.api.parameters import Parameters
from roost_cloud.api.prefix import PREFIX
from roost_cloud.db.tables import TrainingPolicy
from roost_cloud.runs import policies
from roost_cloud.runs.policy import Mode, RunPolicy, read_policy

__all__ = ["router"]

router = APIRouter(prefix=f"{PREFIX}/training/policies", tags=["training"])

_Task = Annotated[Name, Path()]
_MANY: Final = 1_000_000


_Share = Annotated[float, Field(ge=0, le=1)]


class GateModel(BaseModel):
    """How strictly a candidate is judged."""

    model_config = ConfigDict(extra="forbid")

    alpha: Annotated[float, Field(gt=0, le=0.5, description="That one passes which is no better")] = 0.05
    epsilon: Annotated[float, Field(gt=0, lt=1, description="Accuracy on reference data that may be lost")] = 0.02
    reference: Literal["required", "if_present"] = "required"
    twin_agreement: Annotated[_Share, Field(description="Of a quantised candidate with itself in float")] = 0.98
    twin_confidence: _Share = 0.05
    latency_ratio: Annotated[float, Field(ge=1, le=100, description="To the incumbent's median")] = 1.25
    latency_slack_ms: Annotated[float, Field(ge=0, le=10_000)] = 0.2
    bar_shift: Annotated[_Share, Field(description="Of inputs that reach a rule's bar; then it is set anew")] = 0.05


class PolicyModel(BaseModel):
    """What opens a run of a task, how far it goes by itself, and within which limits."""

    model_config = ConfigDict(extra="forbid")

    mode: Mode = Field(
        "tell",
        description="tell: a person approves what is proposed; train: a person approves what has passed the gate; "
        "auto: all by itself",
    )
    bundle: Annotated[str, Field(max_length=130)] | None = Field(
        None, description="The incumbent, NAME@ALIAS or NAME:VERSION; null: the one an alarm is about"
    )
    trainer: Name = "head"
    parameters: Parameters = {}
    alarms: bool = Field(True, description="Whether alarms of the input or the model open runs")
    every_days: Annotated[float, Field(ge=0.01, le=3650)] | None = Field(
        None, description="null: never by the calendar"
    )
    new_labels: Annotated[int, Field(ge=1, le=_MANY)] | None = Field(None, description="That open a run; null: never")
    labels_wanted: Annotated[int, Field(ge=1, le=_MANY)] = Field(20, description="Without which a run waits")
    attempts: Annotated[int, Field(ge=1, le=20)] = Field(3, description="That a run may fail")
    wall_minutes: Annotated[float, Field(gt=0, le=10_080)] = Field(
        60.0, description="That training or judging may take"
    )
    silent_minutes: Annotated[float, Field(gt=0, le=1440)] = Field(5.0, description="After which it counts as hanging")
    memory_mb: Annotated[int, Field(ge=64, le=1_048_576)] = Field(4096, description="That a process may take, MiB")
    gate: GateModel = GateModel()


class StatedPolicy(BaseModel):
    """A task's policy, and who said so."""

    task: str
    policy: PolicyModel
    updated_at: datetime
    updated_by: str


@router.get("", responses=raises(401, 403))
def list_policies(member: Viewer, services: Given, page: Asked) -> Page[StatedPolicy]:
    """Policies that somebody stated, by task."""
    with services.database.read() as session:
        rows = policies.page(session, member.tenant, limit=page.rows, after=page.after)
    return page.of(rows, _stated, lambda row: row.task)


@router.get("/{task}", responses=raises(401, 403))
def get_policy(member: Viewer, services: Given, task: _Task) -> PolicyModel:
    """A task's policy; the defaults where nobody stated one."""
    with services.database.read() as session:
        return _model(policies.get(session, member.tenant, task))


@router.put("/{task}", responses=raises(401, 403))
def set_policy(member: Operator, services: Given, task: _Task, body: PolicyModel) -> PolicyModel:
    """State a task's policy; runs opened from now on go by it."""
    policy = read_policy(body.model_dump())
    with services.database.begin() as session:
        policies.put(session, member.tenant, task, policy, actor=member.name, now=services.now())
    return _model(policy)


def _model(policy: RunPolicy) -> PolicyModel:
    return PolicyModel.model_validate(msgspec.to_builtins(policy))


def _stated(row: TrainingPolicy) -> StatedPolicy:
    return StatedPolicy(
        task=row.task,
        policy=_model(read_policy(row.document)),
        updated_at=row.updated_at,
        updated_by=row.updated_by,
    )
