"""`/devices/{device}/assignment`: what a device shall run and what it reports; and the device's own way to it."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from roost_cloud.api.auth import Enrolled, Given, Operator, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Name
from roost_cloud.api.pages import Asked, Page
from roost_cloud.api.prefix import PREFIX
from roost_cloud.assignments import versions
from roost_cloud.assignments.document import read_document
from roost_cloud.assignments.following import Following
from roost_cloud.assignments.versions import Assigned, Assigner
from roost_cloud.db.tables import AssignmentVersion, DeviceReport
from roost_cloud.errors import NotFoundError
from roost_cloud.fleet import device_records
from roost_cloud.trust.online_keys import OnlineKeys
from roost_shared.assignment import Reported
from roost_shared.messages import ErrorInfo, MessageError, decode_json
from roost_shared.trust.envelope import SealedAssignment

__all__ = ["device_router", "router"]

ENVELOPE_TYPE: Final = "application/vnd.dsse.envelope.v1+json"

router = APIRouter(prefix=f"{PREFIX}/devices", tags=["assignments"])
device_router = APIRouter(prefix=f"{PREFIX}/device", tags=["device"])

_Device = Annotated[Name, Path()]


class AssignmentRequest(BaseModel):
    """What a device shall run: tables as agent.toml's, with bundles of the registry."""

    model_config = ConfigDict(extra="forbid")

    tasks: dict[Name, dict[str, JsonValue]] = Field(
        description="by name, each as [tasks.NAME]: a contestant's `bundle` is NAME:VERSION or NAME@ALIAS",
        examples=[{"meter": {"contestants": [{"name": "primary", "bundle": "meter@stable"}]}}],
    )


class AssignmentModel(BaseModel):
    """A version of what a device is assigned."""

    device: str
    version: int
    document: dict[str, Any] = Field(description="as it was written")
    bundles: list[str] = Field(description="that came to, `name:version@sha256:…`")
    issued_at: datetime
    issued_by: str


class ProblemModel(BaseModel):
    """An error as a device tells it."""

    code: str
    message: str


class RunningModel(BaseModel):
    """What a contestant runs."""

    bundle: str | None
    state: str
    error: ProblemModel | None


class InstallModel(BaseModel):
    """How far a bundle is on a device."""

    task: str
    contestant: str
    bundle: str
    phase: str
    error: ProblemModel | None
    fetched_bytes: int
    size_bytes: int
    evidence: dict[str, Any]


class ReportModel(BaseModel):
    """What a device said last of what it runs."""

    version: int = Field(description="in force; 0 for none")
    confirmed: bool
    desired: int = Field(description="the newest that it has believed")
    trust: str
    problem: ProblemModel | None = Field(description="why the newest will not be in force")
    tasks: dict[str, dict[str, RunningModel]]
    installs: list[InstallModel]
    received_at: datetime


class StandingModel(BaseModel):
    """What a device is assigned, what it reports, and how they differ."""

    device: str
    following: Following
    newest: AssignmentModel | None
    report: ReportModel | None


@router.get("/{device}/assignment", responses=raises(401, 403, 404, 422))
def get_assignment(member: Viewer, services: Given, device: _Device) -> StandingModel:
    """The newest assignment of a device, and what it makes of it."""
    with services.database.read() as session:
        device_records.get(session, member.tenant, device)
        return _standing(device, versions.assigned(session, member.tenant, device))


@router.put(
    "/{device}/assignment",
    status_code=HTTPStatus.CREATED,
    responses={
        200: {"model": AssignmentModel, "description": "It says so already"},
        **raises(401, 403, 404, 409, 422),
    },
)
def assign(
    member: Operator, services: Given, device: _Device, body: AssignmentRequest, response: Response
) -> AssignmentModel:
    """Say what a device shall run; it is told within a second."""
    raw = body.model_dump()
    document = read_document(raw)
    keys = OnlineKeys(services.settings.secrets_path, member.tenant)
    with services.database.begin() as session:
        assigner = Assigner(services.objects, keys, member.name, services.now())
        row, created = assigner.assign(session, device, document, raw)
    if not created:
        response.status_code = HTTPStatus.OK
    return _model(row)


@router.get("/{device}/assignments", responses=raises(401, 403, 404, 422))
def list_assignments(member: Viewer, services: Given, device: _Device, page: Asked) -> Page[AssignmentModel]:
    """All that a device was ever assigned, the newest first."""
    after = None if page.after is None else _version(device, page.after)
    with services.database.read() as session:
        rows = versions.page(session, member.tenant, device, limit=page.rows, after=after)
    return page.of(rows, _model, lambda row: str(row.version))


@device_router.get(
    "/assignment",
    response_class=Response,
    responses={200: {"content": {ENVELOPE_TYPE: {}}}, **raises(401, 403, 404)},
)
def get_own_assignment(device: Enrolled, services: Given) -> Response:
    """What the device that asks shall run, signed: the same as on its `desired` topic."""
    with services.database.read() as session:
        data = versions.envelope(session, device.tenant, device.device)
    return Response(data, media_type=ENVELOPE_TYPE, headers={"Cache-Control": "no-store"})


def _version(device: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 16):  # noqa: PLR2004 - digits of the largest
        raise NotFoundError("assignment", f"{device} {text}")
    return int(text)


def _standing(device: str, assigned: Assigned) -> StandingModel:
    return StandingModel(
        device=device,
        following=assigned.following,
        newest=None if assigned.newest is None else _model(assigned.newest),
        report=None if assigned.report is None else _report(assigned.report),
    )


def _model(row: AssignmentVersion) -> AssignmentModel:
    pins = SealedAssignment.parse(row.envelope).assignment().pins
    return AssignmentModel(
        device=row.device,
        version=row.version,
        document=row.document,
        bundles=sorted(pin.reference for _, pin in pins.values()),
        issued_at=row.issued_at,
        issued_by=row.issued_by,
    )


def _report(row: DeviceReport) -> ReportModel | None:
    try:
        told = decode_json(row.document, Reported)
    except MessageError:
        return None  # a later Roost took it in
    return ReportModel(
        version=told.version,
        confirmed=told.confirmed,
        desired=told.desired,
        trust=told.trust,
        problem=_problem(told.problem),
        tasks={
            task: {
                name: RunningModel(bundle=one.bundle, state=one.state, error=_problem(one.error))
                for name, one in contestants.items()
            }
            for task, contestants in told.tasks.items()
        },
        installs=[
            InstallModel(
                task=one.task,
                contestant=one.contestant,
                bundle=one.bundle,
                phase=one.phase,
                error=_problem(one.error),
                fetched_bytes=one.fetched_bytes,
                size_bytes=one.size_bytes,
                evidence=one.evidence,
            )
            for one in told.installs
        ],
        received_at=row.received_at,
    )


def _problem(error: ErrorInfo | None) -> ProblemModel | None:
    return None if error is None else ProblemModel(code=error.code, message=error.message)
