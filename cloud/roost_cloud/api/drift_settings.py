"""`/drift/settings`: the budget, how large decisions are, how long commissioning is, and how long all is kept."""

from typing import Annotated, Final

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from roost_cloud.api.auth import Given, Operator, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Name
from roost_cloud.api.prefix import PREFIX
from roost_cloud.drift.test import MIN_WINDOWS
from roost_cloud.monitor import settings as settings_room
from roost_cloud.monitor.settings import DriftSettings

__all__ = ["router"]

router = APIRouter(prefix=f"{PREFIX}/drift", tags=["drift"])

_BUDGET_MAX: Final = 1000
_WEEK_S: Final = 7 * 86_400
_Budget = Annotated[float, Field(gt=0, le=_BUDGET_MAX)]
_Inputs = Annotated[int, Field(ge=1, le=1_000_000)]
_Seconds = Annotated[float, Field(ge=1, le=_WEEK_S)]
_Windows = Annotated[int, Field(ge=MIN_WINDOWS, le=10_000)]
_Kept = Annotated[float, Field(ge=1, le=10_000)]
_Days = Annotated[float, Field(ge=0, le=365)]


class TaskSettingsModel(BaseModel):
    """What is otherwise for one task."""

    model_config = ConfigDict(extra="forbid")

    decision_inputs: _Inputs | None = None
    decision_seconds: _Seconds | None = None
    commissioning_windows: _Windows | None = None
    commissioning_days: _Days | None = None


class SettingsModel(BaseModel):
    """What a tenant wants of drift."""

    model_config = ConfigDict(extra="forbid")

    alarms_a_week: _Budget = Field(1.0, description="False ones, over all devices, tasks and kinds")
    decision_inputs: _Inputs = 100
    decision_seconds: _Seconds = 3600.0
    commissioning_windows: _Windows = MIN_WINDOWS
    commissioning_days: _Days = 7.0
    keep_windows_days: _Kept = Field(30.0, description="Windows; those that made an alarm are kept for ever")
    keep_decisions_days: _Kept = Field(400.0, description="Decisions; those of baselines and alarms are kept for ever")
    tasks: Annotated[
        dict[Name, TaskSettingsModel], Field(max_length=256, json_schema_extra={"additionalProperties": False})
    ] = {}


@router.get("/settings", responses=raises(401, 403))
def get_settings(member: Viewer, services: Given) -> SettingsModel:
    """What the tenant wants of drift."""
    with services.database.read() as session:
        return _settings(settings_room.get(session, member.tenant))


@router.put("/settings", responses=raises(401, 403))
def set_settings(member: Operator, services: Given, body: SettingsModel) -> SettingsModel:
    """Change it; decisions from now on follow."""
    settings = settings_room.read_settings(body.model_dump())
    with services.database.begin() as session:
        settings_room.put(session, member.tenant, settings, actor=member.name, now=services.now())
    return _settings(settings)


def _settings(settings: DriftSettings) -> SettingsModel:
    return SettingsModel.model_validate(msgspec.to_builtins(settings))
