"""Enrolment tokens: each a right to become one device, once. Shown once; of the secret only a hash is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from roost_cloud.db.tables import Device, EnrolmentToken
from roost_cloud.errors import ConflictError, NotFoundError, UnauthenticatedError
from roost_cloud.fleet.authority import device_identity
from roost_cloud.fleet.labels import check_labels
from roost_cloud.people import audit
from roost_cloud.secret_text import digest_of, matches, new_id, new_secret
from roost_cloud.trust.queries import Pin
from roost_shared.enrolment import EnrolmentToken as TokenText

__all__ = [
    "DEFAULT_LIFETIME",
    "EnrolmentRefusedError",
    "IssuedEnrolment",
    "Status",
    "authenticate",
    "check_usable",
    "create",
    "page",
    "revoke",
    "revoke_unused",
    "status",
]

Status = Literal["open", "used", "expired", "revoked"]

DEFAULT_LIFETIME: Final = timedelta(hours=24)


class EnrolmentRefusedError(UnauthenticatedError):
    """The token lets nobody in, or nobody any more."""

    code = "enrolment.refused"


@dataclass(frozen=True)
class IssuedEnrolment:
    """A token just made, and the only chance to see its text."""

    row: EnrolmentToken
    text: str


def create(
    session: Session,
    *,
    tenant: str,
    device: str,
    labels: Mapping[str, str],
    lifetime: timedelta,
    replace: bool,
    root_fingerprint: str,
    pin: Pin | None,
    actor: str,
    now: datetime,
) -> IssuedEnrolment:
    """Make a token.

    Args:
        session: to write with.
        tenant: whose device it shall be.
        device: its name.
        labels: the device's from its enrolment on; if it is replaced and there are none, it keeps those it has.
        lifetime: of the token.
        replace: the device may be there already: it was lost, and its certificates go when the token is used.
        root_fingerprint: by which the device knows this cloud.
        pin: the root of trust for bundles; None if the tenant has none.
        actor: who made it.
        now: when.

    Raises:
        BadNameError, IdentityError: no certificate can name the device.
        LabelError: a label is none.
        ConflictError: there is such a device, and it shall not be replaced.
    """
    device_identity(tenant, device)
    if not replace and session.get(Device, (tenant, device)) is not None:
        raise ConflictError(f"there is a device {device!r} already: say `replace` to enrol it anew")
    identity, secret = new_id(), new_secret()
    row = EnrolmentToken(
        id=identity,
        tenant=tenant,
        device=device,
        secret_sha256=digest_of(secret),
        labels=check_labels(labels),
        replace=replace,
        created_at=now,
        created_by=actor,
        expires_at=now + lifetime,
        root_version=None if pin is None else pin.version,
    )
    session.add(row)
    session.flush()
    audit.record(
        session,
        tenant=tenant,
        actor=actor,
        action="enrolment.create",
        subject=identity,
        now=now,
        device=device,
        replace="yes" if replace else "no",
    )
    digest = None if pin is None else pin.digest
    return IssuedEnrolment(row, TokenText(id=identity, secret=secret, ca=root_fingerprint, tuf=digest).text())


def authenticate(session: Session, token: str, secret: str, now: datetime) -> None:
    """See that somebody holds a token that still lets somebody in; the right one or not, `enrolment.redeem` tells.

    Raises:
        EnrolmentRefusedError: it does not. Only who knows its secret is told why.
    """
    row = session.get(EnrolmentToken, token)
    # Compared even for an unknown id, so that time does not tell which ids there are.
    shown = matches(secret, row.secret_sha256 if row else None)
    if row is None or not shown:
        raise EnrolmentRefusedError("the enrolment token is unknown")
    check_usable(row, now)


def check_usable(row: EnrolmentToken, now: datetime) -> None:
    """See that a token lives.

    Raises:
        EnrolmentRefusedError: it was revoked, or has expired.
    """
    if row.revoked_at is not None:
        raise EnrolmentRefusedError(f"the enrolment token {row.id} was revoked")
    if row.expires_at <= now:
        raise EnrolmentRefusedError(f"the enrolment token {row.id} expired at {row.expires_at:%Y-%m-%d %H:%M} UTC")


def status(row: EnrolmentToken, now: datetime) -> Status:
    """What has become of a token."""
    if row.used_at is not None:
        return "used"
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at <= now else "open"


def page(session: Session, tenant: str, *, limit: int, after: str | None = None) -> Sequence[EnrolmentToken]:
    """A tenant's tokens, the newest first.

    Args:
        session: to read with.
        tenant: whose.
        limit: at most so many.
        after: only tokens that come after the one of this id.

    Raises:
        NotFoundError: the tenant has no token `after`.
    """
    query = select(EnrolmentToken).where(EnrolmentToken.tenant == tenant)
    if after is not None:
        last = _of_tenant(session, tenant, after)
        query = query.where(tuple_(EnrolmentToken.created_at, EnrolmentToken.id) < (last.created_at, last.id))
    order = (EnrolmentToken.created_at.desc(), EnrolmentToken.id.desc())
    return session.scalars(query.order_by(*order).limit(limit)).all()


def revoke(session: Session, tenant: str, token: str, *, actor: str, now: datetime) -> None:
    """End a token's life; again is no error. Whoever used it stays enrolled.

    Raises:
        NotFoundError: the tenant has no such token.
    """
    row = _of_tenant(session, tenant, token)
    if row.revoked_at is None:
        _revoke(session, row, actor=actor, now=now)


def revoke_unused(session: Session, tenant: str, device: str, *, actor: str, now: datetime) -> None:
    """End the life of every token that could still become a device."""
    unused = select(EnrolmentToken).where(
        EnrolmentToken.tenant == tenant,
        EnrolmentToken.device == device,
        EnrolmentToken.used_at.is_(None),
        EnrolmentToken.revoked_at.is_(None),
    )
    for row in session.scalars(unused.order_by(EnrolmentToken.id).with_for_update()).all():
        _revoke(session, row, actor=actor, now=now)


def _revoke(session: Session, row: EnrolmentToken, *, actor: str, now: datetime) -> None:
    row.revoked_at = now
    audit.record(
        session, tenant=row.tenant, actor=actor, action="enrolment.revoke", subject=row.id, now=now, device=row.device
    )


def _of_tenant(session: Session, tenant: str, token: str) -> EnrolmentToken:
    row = session.get(EnrolmentToken, token)
    if row is None or row.tenant != tenant:
        raise NotFoundError("enrolment", token)
    return row
