"""`/rollouts`: from one bundle to the next over a fleet, in stages, with proof from each device, and back."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from roost_cloud.api.auth import Given, Operator, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import ROLLOUT_PATTERN, Name
from roost_cloud.api.pages import Asked, Page
from roost_cloud.api.prefix import PREFIX
from roost_cloud.api.rollout_models import (
    DeviceRolloutModel,
    EventModel,
    MemberModel,
    RolloutModel,
    WholeRollout,
    event_model,
    member_model,
    rollout_model,
    whole_rollout,
)
from roost_cloud.fleet import device_records
from roost_cloud.rollouts import members, notes, store
from roost_cloud.rollouts.ordering import order
from roost_cloud.rollouts.plan import read_plan
from roost_cloud.rollouts.starting import start
from roost_cloud.rollouts.states import MemberState
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


@router.post("", status_code=HTTPStatus.CREATED, responses=raises(401, 403, 409, 422))
def start_rollout(member: Operator, services: Given, body: RolloutRequest) -> WholeRollout:
    """Start a rollout; a director begins with it within seconds."""
    plan = read_plan(body.plan)
    keys = OnlineKeys(services.settings.secrets_path, member.tenant)
    with services.database.begin() as session:
        row = start(session, services.objects, keys, plan, body.plan, actor=member.name, now=services.now())
        return whole_rollout(row, {})


@router.get("", responses=raises(401, 403, 404))
def list_rollouts(
    member: Viewer, services: Given, page: Asked, task: Annotated[Name | None, Query()] = None
) -> Page[RolloutModel]:
    """Rollouts, the newest first."""
    with services.database.read() as session:
        rows = store.page(session, member.tenant, task=task, limit=page.rows, after=page.after)
    return page.of(rows, rollout_model, lambda row: row.id)


@router.get("/{rollout}", responses=raises(401, 403, 404))
def get_rollout(member: Viewer, services: Given, rollout: _Rollout) -> WholeRollout:
    """One rollout: its plan, its stage, and why it does not go on."""
    with services.database.read() as session:
        row = store.get(session, member.tenant, rollout)
        return whole_rollout(row, members.by_state(session, member.tenant, rollout))


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
    return page.of(rows, member_model, lambda row: row.device)


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
    return page.of(rows, event_model, lambda row: str(row.number))


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
                **dict(member_model(entry)),
                rollout=row.id,
                task=row.task,
                bundle=store.subject_of(row).reference,
                rollout_state=row.state,  # type: ignore[arg-type]  # written by us
                reason=store.decode_rollout(row).reason,
                events=[
                    event_model(one)
                    for one in notes.events(session, member.tenant, row.id, device=device, limit=_DEVICES_ROLLOUTS)
                ],
            )
            for row, entry in found
        ]


def _order(member: Operator, services: Given, rollout: str, what: str) -> RolloutModel:
    with services.database.begin() as session:
        return rollout_model(order(session, member.tenant, rollout, what, actor=member.name, now=services.now()))
