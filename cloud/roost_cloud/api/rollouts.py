"""`/rollouts`: from one bundle to the next over a fleet, in stages, with proof from each device, and back."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from roost_cloud.api.auth import Given, Operator, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import ROLLOUT_PATTERN, Name
from roost_cloud.api.pages import Asked, Page
from roost_cloud.api.prefix import PREFIX
from roost_cloud.db.tables import RolloutDevice, RolloutEvent, RolloutRow
from roost_cloud.fleet import device_records
from roost_cloud.rollouts import members, notes, store
from roost_cloud.rollouts.ordering import order, possible
from roost_cloud.rollouts.plan import read_plan
from roost_cloud.rollouts.starting import start
from roost_cloud.rollouts.states import MemberState, RolloutState
from roost_cloud.trust.online_keys import OnlineKeys

__all__ = ["device_router", "router"]

router = APIRouter(prefix=f"{PREFIX}/rollouts", tags=["rollouts"])
device_router = APIRouter(prefix=f"{PREFIX}/devices", tags=["rollouts"])

_Rollout = Annotated[str, Path(pattern=ROLLOUT_PATTERN)]
_Device = Annotated[Name, Path()]
_DEVICES_ROLLOUTS = 20


class RolloutRequest(BaseModel):
    """A plan: which bundle takes whose place, in which stages."""

    model_config = ConfigDict(extra="forbid")

    plan: dict[str, JsonValue] = Field(
        description="As the README's `rollout.toml`",
        examples=[
            {
                "task": "meter",
                "contestant": "primary",
                "bundle": "meter:8",
                "stages": [
                    {"name": "shadow", "mode": "shadow", "share": 0.05},
                    {"name": "all", "share": 1.0, "approval": True},
                ],
            }
        ],
    )


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


@router.post("", status_code=HTTPStatus.CREATED, responses=raises(401, 403, 409, 422))
def start_rollout(member: Operator, services: Given, body: RolloutRequest) -> WholeRollout:
    """Start a rollout; a director begins with it within seconds."""
    plan = read_plan(body.plan)
    keys = OnlineKeys(services.settings.secrets_path, member.tenant)
    with services.database.begin() as session:
        row = start(session, services.objects, keys, plan, body.plan, actor=member.name, now=services.now())
        return _whole(row, {})


@router.get("", responses=raises(401, 403, 404))
def list_rollouts(
    member: Viewer, services: Given, page: Asked, task: Annotated[Name | None, Query()] = None
) -> Page[RolloutModel]:
    """Rollouts, the newest first."""
    with services.database.read() as session:
        rows = store.page(session, member.tenant, task=task, limit=page.rows, after=page.after)
    return page.of(rows, _model, lambda row: row.id)


@router.get("/{rollout}", responses=raises(401, 403, 404))
def get_rollout(member: Viewer, services: Given, rollout: _Rollout) -> WholeRollout:
    """One rollout: its plan, its stage, and why it does not go on."""
    with services.database.read() as session:
        row = store.get(session, member.tenant, rollout)
        return _whole(row, members.by_state(session, member.tenant, rollout))


@router.get("/{rollout}/devices", responses=raises(401, 403, 404))
def list_rollout_devices(
    member: Viewer,
    services: Given,
    page: Asked,
    rollout: _Rollout,
    state: Annotated[MemberState | None, Query()] = None,
) -> Page[MemberModel]:
    """Its devices by name; those that it has not reached yet are not among them."""
    with services.database.read() as session:
        store.get(session, member.tenant, rollout)
        rows = members.devices(session, member.tenant, rollout, state=state, limit=page.rows, after=page.after or "")
    return page.of(rows, _member, lambda row: row.device)


@router.get("/{rollout}/events", responses=raises(401, 403, 404, 422))
def list_rollout_events(
    member: Viewer,
    services: Given,
    page: Asked,
    rollout: _Rollout,
    device: Annotated[Name | None, Query()] = None,
    newest: Annotated[bool, Query(description="The newest first")] = False,  # noqa: FBT002 - a query's parameter
) -> Page[EventModel]:
    """Every transition, in order, or from the last one back."""
    after = int(page.after) if page.after is not None and page.after.isdecimal() and len(page.after) < 16 else 0  # noqa: PLR2004
    with services.database.read() as session:
        store.get(session, member.tenant, rollout)
        rows = notes.events(
            session, member.tenant, rollout, device=device, limit=page.rows, after=after, newest=newest
        )
    return page.of(rows, _event, lambda row: str(row.number))


@router.post("/{rollout}/pause", responses=raises(401, 403, 404, 409))
def pause_rollout(member: Operator, services: Given, rollout: _Rollout) -> RolloutModel:
    """Start nobody until it is resumed; what is under way goes on."""
    return _order(member, services, rollout, "pause")


@router.post("/{rollout}/resume", responses=raises(401, 403, 404, 409))
def resume_rollout(member: Operator, services: Given, rollout: _Rollout) -> RolloutModel:
    """Go on where it was paused."""
    return _order(member, services, rollout, "resume")


@router.post("/{rollout}/approve", responses=raises(401, 403, 404, 409))
def approve_rollout(member: Operator, services: Given, rollout: _Rollout) -> RolloutModel:
    """Say that the next stage may begin."""
    return _order(member, services, rollout, "approve")


@router.post("/{rollout}/abort", responses=raises(401, 403, 404, 409))
def abort_rollout(member: Operator, services: Given, rollout: _Rollout) -> RolloutModel:
    """End it: what is under way goes back, what has confirmed stays."""
    return _order(member, services, rollout, "abort")


@router.post("/{rollout}/revert", responses=raises(401, 403, 404, 409))
def revert_rollout(member: Operator, services: Given, rollout: _Rollout) -> RolloutModel:
    """Take it back: every device returns to what it ran before."""
    return _order(member, services, rollout, "revert")


@device_router.get("/{device}/rollouts", responses=raises(401, 403, 404))
def list_rollouts_of_device(member: Viewer, services: Given, device: _Device) -> list[DeviceRolloutModel]:
    """The rollouts that a device was in, the newest first, and what became of it there."""
    with services.database.read() as session:
        found = members.of_device(session, member.tenant, device, limit=_DEVICES_ROLLOUTS)
        if not found:  # a rollout remembers a device that is deleted
            device_records.get(session, member.tenant, device)
        return [
            DeviceRolloutModel(
                **dict(_member(entry)),
                rollout=row.id,
                task=row.task,
                bundle=store.subject_of(row).reference,
                rollout_state=row.state,  # type: ignore[arg-type]  # written by us
                reason=store.decode_rollout(row).reason,
                events=[
                    _event(one)
                    for one in notes.events(session, member.tenant, row.id, device=device, limit=_DEVICES_ROLLOUTS)
                ],
            )
            for row, entry in found
        ]


def _order(member: Operator, services: Given, rollout: str, what: str) -> RolloutModel:
    with services.database.begin() as session:
        return _model(order(session, member.tenant, rollout, what, actor=member.name, now=services.now()))


def _model(row: RolloutRow) -> RolloutModel:
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


def _whole(row: RolloutRow, devices: dict[str, int]) -> WholeRollout:
    return WholeRollout(**dict(_model(row)), plan=row.plan, devices=devices)


def _member(row: RolloutDevice) -> MemberModel:
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


def _event(row: RolloutEvent) -> EventModel:
    return EventModel(**{name: getattr(row, name) for name in EventModel.model_fields})
