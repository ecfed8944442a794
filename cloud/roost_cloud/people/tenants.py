"""Tenants: made by the platform, never renamed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import Tenant
from roost_cloud.errors import ConflictError
from roost_cloud.people import audit
from roost_shared.topics import check_name

__all__ = ["create", "every"]


def create(session: Session, name: str, *, actor: str, now: datetime) -> Tenant:
    """Make a tenant.

    Raises:
        BadNameError: topics cannot carry the name.
        ConflictError: there is one of that name.
    """
    check_name(name, "tenant")
    if session.get(Tenant, name) is not None:
        raise ConflictError(f"there is a tenant {name!r} already")
    tenant = Tenant(name=name, created_at=now)
    session.add(tenant)
    session.flush()
    audit.record(session, tenant=name, actor=actor, action="tenant.create", subject=name, now=now)
    return tenant


def every(session: Session) -> Sequence[Tenant]:
    """All tenants, by name."""
    return session.scalars(select(Tenant).order_by(Tenant.name)).all()
