"""`/wanted`: inputs that people want to see before anything else; `/device/wanted` is where their device asks."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from roost_cloud.alarms import showing, store
from roost_cloud.api.auth import Enrolled, Given, Operator, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Moment, Name
from roost_cloud.api.prefix import PREFIX
from roost_cloud.samples import wanted
from roost_cloud.samples.wanted import Stretch

__all__ = ["router"]

router = APIRouter(prefix=PREFIX, tags=["samples"])

_SHOWN = 50
_Alarm = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]


class StretchBody(BaseModel):
    """Samples of a task on a device, by when the cloud was told of them."""

    model_config = ConfigDict(extra="forbid")

    device: Name
    task: Name
    since: Moment
    until: Moment


class StretchModel(BaseModel):
    """A stretch that is asked for, and how far its inputs are."""

    device: str
    task: str
    since: datetime
    until: datetime
    samples: int = Field(description="That the device told of")
    here: int = Field(description="Whose inputs are in the cloud")
    waiting: int = Field(description="Whose inputs the device keeps, as far as it said; they come before all others")
    dropped: int = Field(description="Whose inputs the device had to let go")
    not_kept: int = Field(description="Of which the device kept no input")


class DeviceWanted(BaseModel):
    """What a device shall bring before anything else."""

    samples: list[str]


@router.post("/wanted", responses=raises(401, 403, 404))
def want_inputs(member: Operator, services: Given, body: StretchBody) -> StretchModel:
    """Have a device bring the inputs of a stretch before anything else; asked for again it lasts another week."""
    stretch = Stretch(body.device, body.task, body.since.astimezone(UTC), body.until.astimezone(UTC))
    with services.database.begin() as session:
        wanted.want(session, member.tenant, stretch, actor=member.name, now=services.now())
        return _model(session, member.tenant, stretch)


@router.post("/alarms/{alarm}/inputs", responses=raises(401, 403, 404))
def want_inputs_of_alarm(member: Operator, services: Given, alarm: _Alarm) -> StretchModel:
    """Have the device of an alarm bring the inputs of its time, a week at most, before anything else."""
    with services.database.begin() as session:
        row = store.get(session, member.tenant, alarm)
        since, until = showing.span_of(row)
        stretch = Stretch(row.device, row.task, since, min(until, since + wanted.LONGEST))
        wanted.want(session, member.tenant, stretch, actor=member.name, now=services.now())
        return _model(session, member.tenant, stretch)


@router.get("/wanted", responses=raises(401, 403))
def list_wanted(member: Viewer, services: Given) -> list[StretchModel]:
    """What is asked for, the last first, and how far it is; 50 stretches at most."""
    with services.database.read() as session:
        rows = wanted.page(session, member.tenant, limit=_SHOWN, now=services.now())
        stretches = [Stretch(row.device, row.task, row.since, row.until) for row in rows]
        return [_model(session, member.tenant, stretch) for stretch in stretches]


@router.get("/device/wanted", responses=raises(401, 403))
def get_wanted(device: Enrolled, services: Given) -> DeviceWanted:
    """The device's own samples whose inputs people wait for, and which the cloud does not have."""
    now = services.now()
    with services.database.read() as session:  # mostly there is nothing, and that waits for no writer
        if not wanted.is_any(session, device.tenant, device.device, now):
            return DeviceWanted(samples=[])
    with services.database.begin() as session:
        return DeviceWanted(samples=wanted.samples_for(session, device.tenant, device.device, now))


def _model(session: Session, tenant: str, stretch: Stretch) -> StretchModel:
    return StretchModel(**stretch._asdict(), **wanted.standing(session, tenant, stretch)._asdict())
