"""Tenants: the platform makes them and lists them, and sees nothing of what they hold."""

from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter
from pydantic import BaseModel

from roost_cloud.api.auth import Given, Platform, PlatformAdmin
from roost_cloud.api.errors import raises
from roost_cloud.api.fields import Name
from roost_cloud.api.pages import Asked, Page
from roost_cloud.api.prefix import PREFIX
from roost_cloud.api.tokens import IssuedToken
from roost_cloud.db import tables
from roost_cloud.people import tenants, tokens

__all__ = ["router"]

router = APIRouter(prefix=f"{PREFIX}/tenants", tags=["people"])


class Tenant(BaseModel):
    """A tenant."""

    name: str
    created_at: datetime


class NewTenant(BaseModel):
    """What a tenant is made of."""

    name: Name


class CreatedTenant(Tenant):
    """A tenant, and the way in."""

    admin_token: IssuedToken  # shown here and never again


@router.get("", responses=raises(401, 403))
def list_tenants(_: Platform, services: Given, page: Asked) -> Page[Tenant]:
    """All tenants, by name."""
    with services.database.read() as session:
        rows = tenants.page(session, limit=page.rows, after=page.after)
    return page.of(rows, _shown, key=lambda row: row.name)


@router.post("", status_code=HTTPStatus.CREATED, responses=raises(401, 403, 409))
def create_tenant(platform: PlatformAdmin, services: Given, wanted: NewTenant) -> CreatedTenant:
    """Make a tenant and its first token, an admin's."""
    now = services.now()
    with services.database.begin() as session:
        row = tenants.create(session, wanted.name, actor=platform.name, now=now)
        issued = tokens.issue(
            session,
            tenant=wanted.name,
            name="first admin",
            role="admin",
            lifetime=None,
            actor=platform.name,
            now=now,
        )
    return CreatedTenant(**dict(_shown(row)), admin_token=IssuedToken.once(issued))


def _shown(row: tables.Tenant) -> Tenant:
    return Tenant(name=row.name, created_at=row.created_at)
