"""`/hooks`: whom a tenant has told of what happens."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from roost_cloud.api.auth import Admin, Given
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Name
from roost_cloud.api.pages import Asked, Page
from roost_cloud.api.prefix import PREFIX
from roost_cloud.db.tables import Hook
from roost_cloud.events import hooks
from roost_cloud.events.hooks import Counts, Way
from roost_cloud.events.signature import secret_of

__all__ = ["router"]

router = APIRouter(prefix=f"{PREFIX}/hooks", tags=["hooks"])

_Hook = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]


class NewHook(BaseModel):
    """Whom to tell, and of what."""

    model_config = ConfigDict(extra="forbid")

    way: Way
    url: Annotated[str, Field(max_length=2000)] | None = Field(None, description="https://… of a webhook")
    events: Annotated[list[Name], Field(max_length=16)] = Field(
        [], description="Nouns of events, as alarm; none means all"
    )


class HookModel(BaseModel):
    """A hook."""

    id: str
    way: Way
    url: str | None
    events: list[str]
    created_at: datetime
    created_by: str
    pending: int = Field(description="Tellings to come, or to be tried again")
    accepted: int = Field(description="In the last two weeks")
    given_up: int = Field(description="In the last two weeks")


class AddedHook(HookModel):
    """A hook that is new, with what is shown once."""

    secret: str | None = Field(description="By which a webhook's receiver verifies `Roost-Signature`")


@router.get("", responses=raises(401, 403))
def list_hooks(member: Admin, services: Given, page: Asked) -> Page[HookModel]:
    """The tenant's hooks."""
    with services.database.read() as session:
        rows = hooks.page(session, member.tenant, limit=page.rows, after=page.after)
        counts = hooks.counts(session, member.tenant)
    return page.of(rows, lambda row: HookModel(**_shown(row, counts.get(row.id, {}))), lambda row: row.id)


@router.post("", status_code=HTTPStatus.CREATED, responses=raises(401, 403, 409))
def add_hook(member: Admin, services: Given, body: NewHook) -> AddedHook:
    """Have somebody told from now on: a webhook by HTTPS, or whoever listens at the broker."""
    with services.database.begin() as session:
        now = services.now()
        row = hooks.add(session, member.tenant, body.way, body.url, body.events, actor=member.name, now=now)
        secret = secret_of(services.token_key, member.tenant, row.id) if row.way == "webhook" else None
        return AddedHook(**_shown(row, {}), secret=secret)


@router.delete("/{hook}", status_code=HTTPStatus.NO_CONTENT, responses=raises(401, 403, 404))
def delete_hook(member: Admin, services: Given, hook: _Hook) -> None:
    """Tell them no more, not even what is on its way."""
    with services.database.begin() as session:
        hooks.delete(session, member.tenant, hook, actor=member.name, now=services.now())


def _shown(row: Hook, counts: Counts) -> dict[str, Any]:
    fixed = {name: getattr(row, name) for name in ("id", "way", "url", "created_at", "created_by")}
    return {
        **fixed,
        "events": row.nouns,
        **{state: counts.get(state, 0) for state in ("pending", "accepted", "given_up")},
    }
