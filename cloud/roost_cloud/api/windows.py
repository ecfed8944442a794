"""`/windows`: stretches of requests as devices told of them, for whoever judges whether the world has changed."""

import base64
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from roost_cloud.api.auth import Given, Viewer
from roost_cloud.api.errors import raises
from roost_cloud.api.pages import Asked, Page
from roost_cloud.api.prefix import PREFIX
from roost_cloud.api.recorded import SpanQuery
from roost_cloud.db.tables import Window
from roost_cloud.drift import recorded

__all__ = ["router"]

router = APIRouter(prefix=PREFIX, tags=["drift"])


class WindowModel(BaseModel):
    """A window, as its device told of it."""

    device: str
    boot: str
    sequence: int = Field(description="Of its record in the boot")
    contestant: str | None = Field(description="Whose scores are in it; null: the task's answers")
    received_at: datetime = Field(description="By the cloud's clock")
    record: str = Field(description="See `roost_shared.records.WindowRecord`; in MessagePack, base64")


@router.get("/windows", responses=raises(401, 403))
def list_windows(
    member: Viewer, services: Given, page: Asked, span: Annotated[SpanQuery, Depends()]
) -> Page[WindowModel]:
    """Windows of a task by device, each one's in the order they were made."""
    after = None if page.after is None else recorded.parse_place(page.after)
    with services.database.read() as session:
        rows = recorded.page(session, member.tenant, span.task, span.since, span.until, limit=page.rows, after=after)
        return page.of(rows, to_model=_model, key=lambda row: str(_place(row)))


def _place(row: Window) -> recorded.WindowPlace:
    return recorded.WindowPlace(row.device, row.boot, row.sequence)


def _model(row: Window) -> WindowModel:
    return WindowModel(
        device=row.device,
        boot=row.boot,
        sequence=row.sequence,
        contestant=row.contestant,
        received_at=row.received_at,
        record=base64.b64encode(row.record).decode(),
    )
