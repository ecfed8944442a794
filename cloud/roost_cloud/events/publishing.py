"""That something happened, written in the transaction that made it so, with whom it is to be told."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import Event, Hook, HookDelivery

__all__ = ["noun_of", "publish"]


def noun_of(kind: str) -> str:
    """What an event is about.

    >>> noun_of("alarm.opened")
    'alarm'
    """
    return kind.partition(".")[0]


def publish(session: Session, tenant: str, kind: str, data: Mapping[str, Any], now: datetime) -> Event:
    """Say that something happened; whoever wants to know is told soon.

    Args:
        session: of the change.
        tenant: whose.
        kind: noun and what became of it (`alarm.opened`).
        data: what to say of it, as JSON has it; never a secret.
        now: when.
    """
    event = Event(tenant=tenant, id=secrets.token_hex(16), kind=kind, at=now, data=dict(data))
    session.add(event)
    session.flush()
    hooks = session.scalars(select(Hook).where(Hook.tenant == tenant).with_for_update(read=True)).all()
    session.add_all(
        HookDelivery(
            tenant=tenant,
            hook=hook.id,
            event=event.id,
            state="pending",
            attempts=0,
            created_at=now,
            due_at=now,
            problem=None,
        )
        for hook in hooks
        if not hook.nouns or noun_of(kind) in hook.nouns
    )
    return event
