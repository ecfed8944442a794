"""Tenants: made by the platform, never renamed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from roost_cloud.db.tables import Tenant
from roost_cloud.errors import ConflictError
from roost_cloud.people import audit
from roost_shared.topics import check_name

__all__ = ["create", "page"]


def create(session: Session, name: str, *, actor: str, now: datetime) -> Tenant:
    """Make a tenant.

    Raises:
        BadNameError: topics cannot carry the name.
        ConflictError: there is one of that name.
    """
    tenant = Tenant(name=check_name(name, "tenant"), created_at=now)
    session.add(tenant)
    try:
        session.flush()
    except IntegrityError as error:
        raise ConflictError(f"there is a tenant {name!r} already") from error
    audit.record(session, tenant=None, actor=actor, action="tenant.create", subject=name, now=now)
    return tenant


def page(session: Session, *, limit: int, after: str | None = None) -> Sequence[Tenant]:
    """Tenants by name, at most `limit`, those after the name `after`."""
    query = select(Tenant) if after is None else select(Tenant).where(Tenant.name > after)
    return session.scalars(query.order_by(Tenant.name).limit(limit)).all()
