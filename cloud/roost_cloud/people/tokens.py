"""API tokens: `roost_{id}_{secret}`, shown once; what is kept cannot be turned back into one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, cast

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import ApiToken, Tenant
from roost_cloud.errors import NotFoundError, UnauthenticatedError
from roost_cloud.people import audit
from roost_cloud.people.principal import Principal, Role
from roost_cloud.secret_text import digest_of, matches, new_id, new_secret

__all__ = [
    "PREFIX",
    "Issued",
    "authenticate",
    "exists_for_platform",
    "issue",
    "note_use",
    "page",
    "principal_name",
    "recognise",
    "revoke",
    "use_is_stale",
]

PREFIX: Final = "roost_"
_TEXT: Final = re.compile(rf"{PREFIX}(?P<id>[0-9a-f]{{16}})_(?P<secret>[A-Za-z0-9_-]{{1,100}})")
_USE_NOTED_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class Issued:
    """A token just made, and the only chance to see its text."""

    row: ApiToken
    text: str


def issue(
    session: Session,
    *,
    tenant: str | None,
    name: str,
    role: Role,
    lifetime: timedelta | None,
    actor: str,
    now: datetime,
) -> Issued:
    """Make a token.

    Args:
        session: to write with.
        tenant: whom it speaks for; None for the platform.
        name: for people, to tell tokens apart.
        role: what it may do.
        lifetime: None for ever.
        actor: who made it.
        now: when.

    Raises:
        NotFoundError: there is no such tenant.
    """
    if tenant is not None and session.get(Tenant, tenant) is None:
        raise NotFoundError("tenant", tenant)
    identity, secret = new_id(), new_secret()
    row = ApiToken(
        id=identity,
        tenant=tenant,
        name=name,
        role=role,
        secret_sha256=digest_of(secret),
        created_at=now,
        created_by=actor,
        expires_at=None if lifetime is None else now + lifetime,
    )
    session.add(row)
    session.flush()
    audit.record(
        session, tenant=tenant, actor=actor, action="token.issue", subject=identity, now=now, name=name, role=role
    )
    return Issued(row, f"{PREFIX}{identity}_{secret}")


def authenticate(session: Session, text: str, now: datetime) -> tuple[Principal, ApiToken]:
    """Tell who comes with a token.

    Raises:
        UnauthenticatedError: it is none of ours, expired or revoked.
    """
    parsed = _TEXT.fullmatch(text)
    if parsed is None:
        raise UnauthenticatedError("this is no token of ours: one begins with roost_")
    row = session.get(ApiToken, parsed["id"])
    # Compared even for an unknown id, so that time does not tell which ids there are.
    shown = matches(parsed["secret"], row.secret_sha256 if row else None)
    if row is None or not shown:
        raise UnauthenticatedError("the token is unknown")
    return _principal(row, now), row


def recognise(session: Session, identity: str, now: datetime) -> tuple[Principal, ApiToken]:
    """Tell who came with the token of this id before, and whether they still may.

    Raises:
        UnauthenticatedError: it has expired since, or was revoked.
    """
    row = session.get(ApiToken, identity)
    if row is None:
        raise UnauthenticatedError("the token is unknown")
    return _principal(row, now), row


def _principal(row: ApiToken, now: datetime) -> Principal:
    if row.revoked_at is not None:
        raise UnauthenticatedError(f"the token {row.id} was revoked")
    if row.expires_at is not None and row.expires_at <= now:
        raise UnauthenticatedError(f"the token {row.id} expired at {row.expires_at:%Y-%m-%d %H:%M} UTC")
    return Principal(name=principal_name(row.id), role=cast("Role", row.role), tenant=row.tenant)


def principal_name(token: str) -> str:
    """What the audit calls whoever comes with the token of this id."""
    return f"token:{token}"


def use_is_stale(row: ApiToken, now: datetime) -> bool:
    """Whether the last use noted is so old that this one should be noted."""
    return row.last_used_at is None or now - row.last_used_at >= _USE_NOTED_EVERY


def note_use(session: Session, token: str, now: datetime) -> None:
    """Remember when a token was last used."""
    row = session.get(ApiToken, token)
    if row is not None:
        row.last_used_at = now


def revoke(session: Session, tenant: str | None, token: str, *, actor: str, now: datetime) -> None:
    """End a token's life; again is no error.

    Raises:
        NotFoundError: the tenant has no such token.
    """
    row = _find(session, tenant, token)
    if row.revoked_at is None:
        row.revoked_at = now
        audit.record(session, tenant=tenant, actor=actor, action="token.revoke", subject=token, now=now)


def page(session: Session, tenant: str | None, *, limit: int, after: str | None = None) -> Sequence[ApiToken]:
    """A tenant's tokens, the newest first.

    Args:
        session: to read with.
        tenant: whose; None for the platform's.
        limit: at most so many.
        after: only those that come after the token of this id.

    Raises:
        NotFoundError: the tenant has no token of that id.
    """
    query = select(ApiToken).where(_of(tenant))
    if after is not None:
        last = _find(session, tenant, after)
        older = ApiToken.created_at < last.created_at
        query = query.where(older | ((ApiToken.created_at == last.created_at) & (ApiToken.id > last.id)))
    return session.scalars(query.order_by(ApiToken.created_at.desc(), ApiToken.id).limit(limit)).all()


def exists_for_platform(session: Session) -> bool:
    """Whether the platform has had any token: if not, this is the first start."""
    return session.scalar(select(ApiToken.id).where(_of(None)).limit(1)) is not None


def _of(tenant: str | None) -> ColumnElement[bool]:
    return ApiToken.tenant == tenant if tenant is not None else ApiToken.tenant.is_(None)


def _find(session: Session, tenant: str | None, token: str) -> ApiToken:
    row = session.get(ApiToken, token)
    if row is None or row.tenant != tenant:
        raise NotFoundError("token", token)
    return row
