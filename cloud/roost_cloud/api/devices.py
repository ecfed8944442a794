"""Devices, as people see and change them."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, cast

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from roost_cloud.api.auth import Admin, Given, Operator, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Name
from roost_cloud.api.labels import LabelChanges, Selector
from roost_cloud.api.pages import Asked, Page
from roost_cloud.api.prefix import PREFIX
from roost_cloud.assignments import versions
from roost_cloud.assignments.following import Following
from roost_cloud.fleet import device_records, devices
from roost_cloud.fleet.device_records import ConnectionState, DeviceRecord
from roost_cloud.fleet.labels import parse_selector
from roost_cloud.monitor.anew import CAMERA, another_camera
from roost_shared.enrolment import common_name

__all__ = ["DeviceBody", "router"]

_MAX_SELECTORS: Final = 16

router = APIRouter(prefix=f"{PREFIX}/devices", tags=["devices"])

_Status = Literal["enrolled", "revoked"]


class DeviceBody(BaseModel):
    """A device."""

    device: str
    labels: dict[str, str]
    status: _Status
    state: ConnectionState
    last_seen: datetime | None
    boot: str | None
    session: int | None
    agent_version: str | None
    problem: str | None
    certificate_expires_at: datetime | None
    enrolled_at: datetime
    assignment: int = Field(description="the newest version; 0 for none")
    following: Following = Field(description="how it follows that, in a word")


class DeviceChanges(BaseModel):
    """Labels to set, and with null to remove; the others stay."""

    labels: LabelChanges


@router.get("", responses=raises(401, 403))
def list_devices(
    member: Viewer,
    services: Given,
    page: Asked,
    label: Annotated[list[Selector], Query(max_length=_MAX_SELECTORS, description="KEY=VALUE; all must match")] = [],  # noqa: B006 - FastAPI copies it
    state: Annotated[ConnectionState | None, Query()] = None,
    named: Annotated[str, Query(max_length=63, pattern=r"^[a-z0-9._-]*$", description="Part of the name")] = "",
) -> Page[DeviceBody]:
    """Devices by name."""
    selectors = [parse_selector(text) for text in label]
    with services.database.read() as session:
        records = device_records.page(
            session, member.tenant, selectors=selectors, state=state, named=named, limit=page.rows, after=page.after
        )
        assigned = versions.overview(session, member.tenant, [record.device.name for record in records])
    return page.of(
        records,
        to_model=lambda record: _shown(record, assigned.get(record.device.name)),
        key=lambda record: record.device.name,
    )


@router.get("/{device}", responses=raises(401, 403, 404))
def get_device(device: Name, member: Viewer, services: Given) -> DeviceBody:
    """One device."""
    with services.database.read() as session:
        return _of(session, member.tenant, device)


@router.patch("/{device}", responses=raises(401, 403, 404))
def relabel_device(device: Name, body: DeviceChanges, member: Operator, services: Given) -> DeviceBody:
    """Set and remove labels. Another `camera` than before begins anew what the device's inputs are judged against."""
    who: dict[str, Any] = {"actor": member.name, "now": services.now()}
    with services.database.begin() as session:
        before = device_records.get(session, member.tenant, device).labels.get(CAMERA)
        devices.relabel(session, member.tenant, device, body.labels, **who)
        another_camera(session, member.tenant, device, before, body.labels.get(CAMERA), **who)
        session.flush()
        return _of(session, member.tenant, device)


@router.post("/{device}/revoke", responses=raises(401, 403, 404))
def revoke_device(device: Name, member: Operator, services: Given) -> DeviceBody:
    """Take a device's identity back, and cut it off; again is no error."""
    with services.database.begin() as session:
        devices.revoke(session, member.tenant, device, actor=member.name, now=services.now())
        session.flush()
        shown = _of(session, member.tenant, device)
    services.cut_off(common_name(member.tenant, device))
    return shown


@router.delete("/{device}", status_code=HTTPStatus.NO_CONTENT, responses=raises(401, 403, 404, 409))
def delete_device(device: Name, member: Admin, services: Given) -> None:
    """Forget a revoked device; brokers refuse its certificates all the same."""
    with services.database.begin() as session:
        devices.delete(session, member.tenant, device, actor=member.name, now=services.now())


def _of(session: Session, tenant: str, device: str) -> DeviceBody:
    record = device_records.get(session, tenant, device)
    return _shown(record, versions.overview(session, tenant, [device]).get(device))


def _shown(record: DeviceRecord, assigned: tuple[int, Following] | None) -> DeviceBody:
    row = record.device
    version, word = assigned or (0, "none")
    return DeviceBody(
        device=row.name,
        labels=record.labels,
        status=cast("_Status", row.status),
        state=cast("ConnectionState", row.state),
        last_seen=row.last_seen,
        boot=row.boot,
        session=row.session,
        agent_version=row.agent_version,
        problem=row.problem,
        certificate_expires_at=record.certificate_expires_at,
        enrolled_at=row.enrolled_at,
        assignment=version,
        following=word,
    )
