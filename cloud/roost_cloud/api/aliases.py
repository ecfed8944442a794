"""`/bundles/{name}/aliases`: names that move from version to version."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from roost_cloud.api.auth import Given, Operator, Viewer
from roost_cloud.api.bundles import VERSION_PATTERN, BundleName
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Name
from roost_cloud.api.pages import LIMIT, LIMIT_MAX, Asked, Page, PageQuery
from roost_cloud.api.prefix import PREFIX
from roost_cloud.db.tables import Alias, AliasMove
from roost_cloud.registry import aliases

__all__ = ["router"]

router = APIRouter(prefix=PREFIX + "/bundles/{name}/aliases", tags=["bundles"])

_Alias = Annotated[Name, Path()]


class AliasRequest(BaseModel):
    """Where an alias shall point."""

    version: str = Field(pattern=VERSION_PATTERN)


class AliasModel(BaseModel):
    """Where an alias points."""

    alias: str
    version: str
    moved_at: datetime
    moved_by: str


class MoveModel(BaseModel):
    """A step in an alias's history."""

    from_version: str | None  # None: it was new
    to_version: str | None  # None: it was deleted
    moved_at: datetime
    moved_by: str


@router.get("", responses=raises(401, 403, 422))
def list_aliases(member: Viewer, services: Given, name: BundleName, page: Asked) -> Page[AliasModel]:
    """A bundle's aliases, by name."""
    with services.database.read() as session:
        rows = aliases.of_bundle(session, member.tenant, name, limit=page.rows, after=page.after)
    return page.of(rows, _model, lambda row: row.alias)


@router.put("/{alias}", responses=raises(401, 403, 404, 422))
def move_alias(member: Operator, services: Given, name: BundleName, alias: _Alias, asked: AliasRequest) -> AliasModel:
    """Point an alias at a version."""
    with services.database.begin() as session:
        row = aliases.move(session, member.tenant, name, alias, asked.version, actor=member.name, now=services.now())
    return _model(row)


@router.delete("/{alias}", status_code=HTTPStatus.NO_CONTENT, responses=raises(401, 403, 404, 409, 422))
def delete_alias(member: Operator, services: Given, name: BundleName, alias: _Alias) -> None:
    """Remove an alias; its history stays."""
    with services.database.begin() as session:
        aliases.delete(session, member.tenant, name, alias, actor=member.name, now=services.now())


@router.get("/{alias}/history", responses=raises(401, 403, 404, 422))
def alias_history(
    member: Viewer,
    services: Given,
    name: BundleName,
    alias: _Alias,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT,
    after: Annotated[str | None, Query(pattern="^[0-9]{1,18}$", description="`next` of the part before")] = None,
) -> Page[MoveModel]:
    """Every move of an alias, the newest first."""
    page = PageQuery(limit, after)
    with services.database.read() as session:
        before = None if after is None else int(after)
        rows = aliases.history(session, member.tenant, name, alias, limit=page.rows, before=before)
    return page.of(rows, _move, lambda row: str(row.id))


def _model(row: Alias) -> AliasModel:
    return AliasModel(alias=row.alias, version=row.version, moved_at=row.moved_at, moved_by=row.moved_by)


def _move(row: AliasMove) -> MoveModel:
    return MoveModel(
        from_version=row.from_version, to_version=row.to_version, moved_at=row.moved_at, moved_by=row.moved_by
    )
