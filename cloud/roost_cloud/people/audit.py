"""The record of changes: who, what, when. An entry is written in the change's own transaction, or not at all."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import AuditEntry

__all__ = ["page", "record"]


def record(
    session: Session,
    *,
    tenant: str | None,
    actor: str,
    action: str,
    subject: str,
    now: datetime,
    **detail: str | float | list[str] | dict[str, str | None] | None,
) -> None:
    """Write down a change.

    Args:
        session: of the change.
        tenant: whose change it is; None for the platform's.
        actor: who made it (`token:ID`, `device:NAME`).
        action: noun and verb (`device.revoke`).
        subject: what was changed (`cam-01`).
        now: when.
        detail: what else a reader of the record needs; never a secret.
    """
    session.add(AuditEntry(tenant=tenant, at=now, actor=actor, action=action, subject=subject, detail=detail))


def page(session: Session, tenant: str | None, *, limit: int, before: int | None = None) -> Sequence[AuditEntry]:
    """A tenant's record, newest first.

    Args:
        session: to read with.
        tenant: whose; None for the platform's own.
        limit: at most so many.
        before: only entries with a smaller id.
    """
    query = select(AuditEntry).where(
        AuditEntry.tenant == tenant if tenant is not None else AuditEntry.tenant.is_(None)
    )
    if before is not None:
        query = query.where(AuditEntry.id < before)
    return session.scalars(query.order_by(AuditEntry.id.desc()).limit(limit)).all()
