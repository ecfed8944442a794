"""`/recorded` and `/policies`: requests as devices told of them, with what they were answered by, for replay."""

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, Field

from roost_cloud.api.auth import Given, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Moment, Name
from roost_cloud.api.pages import Asked, Page
from roost_cloud.api.prefix import PREFIX
from roost_cloud.samples import recorded
from roost_cloud.samples.place import parse_place

__all__ = ["router"]

router = APIRouter(prefix=PREFIX, tags=["samples"])

_DOCUMENT: Final[dict[str, Any]] = {"application/json": {"schema": {"type": "object"}}}
_Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


class RecordedModel(BaseModel):
    """A request, as its device told of it; records are in MessagePack, base64."""

    device: str
    sample: str
    received_at: datetime = Field(description="By the cloud's clock")
    record: str = Field(description="See `roost_shared.records.SampleRecord`")
    late: list[str] = Field(description="Of scores that came after the answer: `LateRecord`")
    probability: float | None = Field(description="With which its input was kept; null: the input is not here")


@dataclass(frozen=True)
class SpanQuery:
    """Which requests are asked for."""

    task: Annotated[Name, Query()]
    since: Annotated[Moment, Query(description="Received then or later")]
    until: Annotated[Moment, Query(description="Received before")]


_Span = Annotated[SpanQuery, Depends()]


@router.get("/recorded", responses=raises(401, 403))
def list_recorded(member: Viewer, services: Given, page: Asked, span: _Span) -> Page[RecordedModel]:
    """Requests of a task with all that was said of them, the newest first."""
    after = None if page.after is None else parse_place(page.after)
    with services.database.read() as session:
        rows = recorded.page(session, member.tenant, span.task, span.since, span.until, limit=page.rows, after=after)
    return page.of(rows, to_model=_model, key=lambda one: str(one.place))


@router.get(
    "/policies/{task}/{digest}",
    response_class=Response,
    responses={200: {"content": _DOCUMENT, "description": "As the device told it"}, **raises(401, 403, 404)},
)
def get_policy(member: Viewer, services: Given, task: Annotated[Name, Path()], digest: _Digest) -> Response:
    """A rendezvous policy that devices have answered by."""
    with services.database.read() as session:
        document = recorded.get_policy(session, member.tenant, task, digest)
    return Response(document, media_type="application/json", headers={"X-Content-Type-Options": "nosniff"})


def _model(one: recorded.Recorded) -> RecordedModel:
    return RecordedModel(
        device=one.row.device,
        sample=one.row.sample,
        received_at=one.row.received_at,
        record=_base64(one.row.record),
        late=list(map(_base64, one.late)),
        probability=one.probability,
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
