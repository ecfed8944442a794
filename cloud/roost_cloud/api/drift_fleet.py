"""`/drift/fleet`: where devices stand among the others, alone or as a cohort; shown, and no reason for alarm."""

import math
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from roost_cloud.api.auth import Given, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Name
from roost_cloud.api.labels import Selector
from roost_cloud.api.prefix import PREFIX
from roost_cloud.fleet import device_records
from roost_cloud.fleet.labels import parse_selector
from roost_cloud.monitor.among import Among, By, look_around, reference_of

__all__ = ["router"]

router = APIRouter(prefix=f"{PREFIX}/drift", tags=["drift"])

_DEVICES_MAX: Final = 1000
_Labels = Annotated[list[Selector], Query(max_length=16, description="KEY=VALUE; all must match")]


class StandsModel(BaseModel):
    """Where a device, or a cohort, stands among others."""

    at: datetime
    deviations: dict[str, float] = Field(description="Of the fleet's, by statistic")
    farthest: str = Field(description="What people call the statistic that is farthest off")
    distance: float | None = Field(description="T² by all statistics together; null: where devices never differ")
    share: float = Field(description="Of devices like these that stand as far off, or farther")
    by: By = Field(description="Whose fleet: the bundle's reference, or the tenant's other devices")
    of_devices: int = Field(description="How many that is of")


class AmongModel(StandsModel):
    """Where a device stands among others."""

    device: str


class CohortModel(StandsModel):
    """Where devices that share labels stand, together, among those that do not."""

    labels: list[str]
    devices: list[str]


class ReferenceModel(BaseModel):
    """How the devices of a fleet differ, as a bundle brings it along: `fleet_reference`."""

    phi: str
    devices: int
    windows: float
    mean: list[float]
    between: list[list[float]]
    within: list[list[float]]


@router.get("/fleet", responses=raises(401, 403, 422))
def get_fleet(
    member: Viewer,
    services: Given,
    task: Annotated[Name, Query()],
    device: Annotated[Name | None, Query()] = None,
    label: _Labels = [],  # noqa: B006 - FastAPI copies it
) -> list[AmongModel]:
    """Where devices stood among the others of their fleet, by their last decision."""
    with services.database.read() as session:
        standings = look_around(session, services.objects, member.tenant, task)
        names = _chosen(session, member.tenant, label) if label else None
    return [_among(one) for one in standings.each(device) if names is None or one.devices[0] in names]


@router.get("/cohort", responses=raises(401, 403, 422))
def get_cohort(
    member: Viewer,
    services: Given,
    task: Annotated[Name, Query()],
    label: Annotated[_Labels, Query(min_length=1)],
) -> list[CohortModel]:
    """Where devices of some labels stood, together, among those without; none, if none of them is commissioned."""
    with services.database.read() as session:
        names = _chosen(session, member.tenant, label)
        found = look_around(session, services.objects, member.tenant, task).cohort(names)
    return [] if found is None else [CohortModel(**_stands(found), labels=label)]


@router.get("/reference", responses=raises(401, 403, 422))
def get_reference(member: Viewer, services: Given, task: Annotated[Name, Query()]) -> list[ReferenceModel]:
    """How the devices of a task differ, for a bundle to bring along; none, if none is commissioned."""
    with services.database.read() as session:
        standings = look_around(session, services.objects, member.tenant, task)
    fleet = standings.fleet()
    if fleet is None or standings.kind is None:
        return []
    return [ReferenceModel(**msgspec.to_builtins(reference_of(fleet, standings.kind)))]


def _among(one: Among) -> AmongModel:
    return AmongModel(**_stands(one), device=one.devices[0])


def _stands(one: Among) -> dict[str, Any]:
    shown = one._asdict()
    return shown | {"distance": one.distance if math.isfinite(one.distance) else None}


def _chosen(session: Session, tenant: str, labels: list[str]) -> set[str]:
    selectors = [parse_selector(text) for text in labels]
    found = device_records.page(session, tenant, selectors=selectors, limit=_DEVICES_MAX)
    return {record.device.name for record in found}
