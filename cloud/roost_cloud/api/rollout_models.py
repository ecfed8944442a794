"""What the API tells of a rollout, its devices and its transitions, and the rows that it is told from."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from roost_cloud.db.tables import RolloutDevice, RolloutEvent, RolloutRow
from roost_cloud.rollouts import members, store
from roost_cloud.rollouts.ordering import possible
from roost_cloud.rollouts.plan import read_plan
from roost_cloud.rollouts.states import MemberState, RolloutState

__all__ = [
    "CountsModel",
    "DeviceRolloutModel",
    "EventModel",
    "FindingModel",
    "LabelsModel",
    "MemberModel",
    "RolloutModel",
    "WholeRollout",
    "event_model",
    "member_model",
    "rollout_model",
    "whole_rollout",
]


class CountsModel(BaseModel):
    """Devices of the stage that a rollout is in, at the director's last look."""

    confirmed: int = 0
    failed: int = 0
    under_way: int = 0
    waiting: int = 0
    unreachable: int = Field(0, description="Assigned, and silent for long: they hold nobody up")
    unseen: int = Field(0, description="Never connected: they neither block nor fail")
    left: int = 0
    codes: list[tuple[str, int]] = Field([], description="Why devices failed, the most frequent first")


class FindingModel(BaseModel):
    """What the gate makes of the candidate among live inputs."""

    verdict: Literal["wait", "pass", "trip"]
    says: list[str]


class LabelsModel(BaseModel):
    """Labels on inputs on which the candidate and what it shall replace disagreed, while it was a shadow."""

    wins: int = Field(0, description="A person found the candidate right, and the other wrong")
    losses: int = Field(0, description="The other way round")
    teacher_wins: int = Field(0, description="The same, by teachers, who can stop a candidate and not let it on")
    teacher_losses: int = 0


class RolloutModel(BaseModel):
    """A rollout."""

    id: str
    task: str
    contestant: str
    bundle: str = Field(description="The candidate, `name:version@sha256:…`")
    state: RolloutState
    reason: str
    since: datetime = Field(description="When it came into that state")
    stage: int = Field(description="The last that has begun, from 0; -1: none")
    stage_name: str | None
    stages: int
    waits_for: list[str] = Field(description="Why it does not go on")
    problem: str | None = Field(description="Why an assignment could not be written")
    counts: CountsModel
    finding: FindingModel | None
    labels: LabelsModel
    predicted_disagreement: float | None
    created_at: datetime
    created_by: str
    looked_at: datetime | None = Field(description="When a director last looked at it")
    ended_at: datetime | None
    orders: list[str] = Field(description="What a person may do to it now")


class WholeRollout(RolloutModel):
    """A rollout with its plan, and how many of all its devices are in which state."""

    plan: dict[str, Any]
    devices: dict[str, int]


class MemberModel(BaseModel):
    """A device in a rollout."""

    device: str
    state: MemberState
    since: datetime
    stage: int
    target: Literal["shadow", "active", "previous"] | None
    version: int | None = Field(description="Of the assignment that it was given")
    before: str = Field(description="The bundle that the candidate takes the place of")
    attempts: int
    code: str | None
    message: str | None


class EventModel(BaseModel):
    """A transition."""

    number: int
    at: datetime
    actor: str
    device: str | None = Field(description="null: of the rollout itself")
    became: str
    stage: int
    code: str | None
    message: str | None


class DeviceRolloutModel(MemberModel):
    """A rollout that a device was in, and what became of it there."""

    rollout: str
    task: str
    bundle: str
    rollout_state: RolloutState
    reason: str
    events: list[EventModel]


def rollout_model(row: RolloutRow) -> RolloutModel:
    """What is told of a rollout."""
    standing, plan = store.decode_rollout(row), read_plan(row.plan)
    return RolloutModel(
        id=row.id,
        task=row.task,
        contestant=row.contestant,
        bundle=store.subject_of(row).reference,
        state=standing.state,
        reason=standing.reason,
        since=standing.since,
        stage=standing.stage,
        stage_name=None if standing.stage < 0 else plan.stages[standing.stage].name,
        stages=len(plan.stages),
        waits_for=row.waits_for.get("says", []),
        problem=row.waits_for.get("problem"),
        counts=CountsModel(**row.counts),
        finding=FindingModel(**row.finding) if row.finding else None,
        labels=_labels(row.labels),
        predicted_disagreement=row.predicted,
        created_at=row.created_at,
        created_by=row.created_by,
        looked_at=row.looked_at,
        ended_at=row.ended_at,
        orders=possible(plan, standing, standing.since),
    )


def _labels(by_stage: Mapping[str, Mapping[str, int]]) -> LabelsModel:
    """Of all stages together."""
    total: Counter[str] = Counter()
    for counts in by_stage.values():
        total.update(counts)
    return LabelsModel(**total)


def whole_rollout(row: RolloutRow, devices: dict[str, int]) -> WholeRollout:
    """With its plan, and the devices in each state."""
    return WholeRollout(**dict(rollout_model(row)), plan=row.plan, devices=devices)


def member_model(row: RolloutDevice) -> MemberModel:
    """What is told of a device in a rollout."""
    standing = members.decode(row)
    return MemberModel(
        device=row.device,
        state=standing.state,
        since=standing.since,
        stage=standing.stage,
        target=standing.target,
        version=standing.version,
        before=row.before,
        attempts=standing.attempts,
        code=standing.code,
        message=standing.message,
    )


def event_model(row: RolloutEvent) -> EventModel:
    """What is told of a transition."""
    return EventModel(**{name: getattr(row, name) for name in EventModel.model_fields})
