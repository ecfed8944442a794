"""Hooks in the database: whom a tenant has told of events, changed with a record of who changed them."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import Hook, HookDelivery, Tenant
from roost_cloud.errors import ConflictError, NotFoundError
from roost_cloud.events.addresses import check_url
from roost_cloud.people import audit

__all__ = ["HOOKS_MAX", "Counts", "Way", "add", "counts", "delete", "page"]

Way = Literal["webhook", "mqtt"]
Counts = dict[str, int]  # of deliveries, by state

HOOKS_MAX: Final = 32  # of a tenant: each event is a delivery for each


def add(
    session: Session, tenant: str, way: Way, url: str | None, nouns: Sequence[str], *, actor: str, now: datetime
) -> Hook:
    """Have a receiver told of events from now on.

    Args:
        session: that may write.
        tenant: whose.
        way: how.
        url: of a webhook.
        nouns: of events; none means all.
        actor: who adds it.
        now: when.

    Raises:
        BadHookUrlError: a webhook has no URL that it can have.
        ConflictError: there are too many.
    """
    if way == "webhook":
        url = check_url(url or "")
    session.scalar(
        select(Tenant.name).where(Tenant.name == tenant).with_for_update()
    )  # so that they are counted right
    count = session.scalar(select(func.count()).select_from(Hook).where(Hook.tenant == tenant)) or 0
    if count >= HOOKS_MAX:
        raise ConflictError(f"there are {count} hooks, and no more than {HOOKS_MAX} may be: delete one first")
    hook = Hook(
        tenant=tenant,
        id=secrets.token_hex(8),
        way=way,
        url=url if way == "webhook" else None,
        nouns=sorted(set(nouns)),
        created_at=now,
        created_by=actor,
    )
    session.add(hook)
    _note(session, hook, "hook.add", actor=actor, now=now)
    return hook


def page(session: Session, tenant: str, *, limit: int, after: str | None = None) -> Sequence[Hook]:
    """A tenant's hooks by id, behind `after`, at most `limit`."""
    query = select(Hook).where(Hook.tenant == tenant)
    if after is not None:
        query = query.where(Hook.id > after)
    return session.scalars(query.order_by(Hook.id).limit(limit)).all()


def counts(session: Session, tenant: str) -> dict[str, Counts]:
    """How many deliveries of each hook are in each state."""
    columns = (HookDelivery.hook, HookDelivery.state)
    query = select(*columns, func.count()).where(HookDelivery.tenant == tenant).group_by(*columns)
    found: dict[str, Counts] = {}
    for hook, state, count in session.execute(query):
        found.setdefault(hook, {})[state] = count
    return found


def delete(session: Session, tenant: str, hook: str, *, actor: str, now: datetime) -> None:
    """Tell a receiver no more, not even what is on its way.

    Raises:
        NotFoundError: the tenant has no such hook.
    """
    row = session.get(Hook, (tenant, hook), with_for_update=True)
    if row is None:
        raise NotFoundError("hook", hook)
    _note(session, row, "hook.delete", actor=actor, now=now)
    session.delete(row)


def _note(session: Session, hook: Hook, action: str, *, actor: str, now: datetime) -> None:
    # The path of a webhook may be a secret between its receiver and whoever named it.
    host = None if hook.url is None else urlsplit(hook.url).hostname
    audit.record(
        session, tenant=hook.tenant, actor=actor, action=action, subject=hook.id, now=now, way=hook.way, host=host
    )
