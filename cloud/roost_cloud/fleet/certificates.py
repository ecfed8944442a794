"""The certificates of devices, as the database knows them: issued, used, taken back, run out."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from roost_cloud.db.tables import Certificate, Tenant
from roost_cloud.errors import ConflictError
from roost_cloud.fleet.authority import IssuedCertificate, TenantAuthority
from roost_cloud.fleet.revocations import RevokedCertificate

__all__ = [
    "MAX_A_DAY",
    "TooManyCertificatesError",
    "certified_keys",
    "expiries",
    "issue",
    "note_use",
    "revoke",
    "revoked",
]

MAX_A_DAY: Final = 24
"""Certificates of one device: far more than it needs, and few enough for one that asks in a loop."""


class TooManyCertificatesError(ConflictError):
    """A device asks for certificates again and again."""

    code = "certificate.too_many"


def issue(
    session: Session, authority: TenantAuthority, device: str, csr_pem: str, *, lifetime: timedelta, now: datetime
) -> IssuedCertificate:
    """Certify a device's key; whoever calls has locked the device's row.

    Raises:
        SigningRequestError: the request cannot be granted.
        TooManyCertificatesError: it has had `MAX_A_DAY` within a day.
    """
    recent = select(func.count()).where(
        Certificate.tenant == authority.tenant,
        Certificate.device == device,
        Certificate.issued_at > now - timedelta(days=1),
    )
    if (session.scalar(recent) or 0) >= MAX_A_DAY:
        raise TooManyCertificatesError(f"{device} has had {MAX_A_DAY} certificates within a day: try tomorrow")
    issued = authority.issue(csr_pem, device, lifetime)
    of_key = (Certificate.device == device, Certificate.public_key_sha256 == issued.public_key_sha256)
    known = (Certificate.tenant == authority.tenant, *of_key, Certificate.revoked_at.is_(None))
    session.add(
        Certificate(
            tenant=authority.tenant,
            serial=issued.serial,
            device=device,
            public_key=issued.public_key,
            public_key_sha256=issued.public_key_sha256,
            issued_at=now,
            not_after=issued.not_after,
            used_at=session.scalar(select(func.min(Certificate.used_at)).where(*known)),
        )
    )
    session.flush()
    return issued


def revoke(
    session: Session,
    tenant: str,
    device: str,
    *,
    now: datetime,
    but_key: str | None = None,
    unused: bool = False,
) -> Sequence[str]:
    """Take back a device's certificates.

    Args:
        session: to write with.
        tenant: whose device.
        device: which.
        now: when.
        but_key: fingerprint of the one key whose certificates stay.
        unused: only those whose key has never signed in.

    Returns:
        Their serial numbers.
    """
    query = update(Certificate).where(
        Certificate.tenant == tenant, Certificate.device == device, Certificate.revoked_at.is_(None)
    )
    if but_key is not None:
        query = query.where(Certificate.public_key_sha256 != but_key)
    if unused:
        query = query.where(Certificate.used_at.is_(None))
    return session.scalars(query.values(revoked_at=now).returning(Certificate.serial)).all()


def note_use(session: Session, tenant: str, device: str, *, key: str, now: datetime) -> bool:
    """Write down that a certified key has signed in; return whether it is the first time."""
    first = (
        update(Certificate)
        .where(
            Certificate.tenant == tenant,
            Certificate.device == device,
            Certificate.public_key_sha256 == key,
            Certificate.used_at.is_(None),
            Certificate.revoked_at.is_(None),
        )
        .values(used_at=now)
        .returning(Certificate.serial)
    )
    return bool(session.scalars(first).all())


def certified_keys(session: Session, tenant: str, device: str) -> Sequence[Certificate]:
    """A device's certificates that are not revoked, the one that lasts longest first; expired ones are among them."""
    return session.scalars(
        select(Certificate)
        .where(Certificate.tenant == tenant, Certificate.device == device, Certificate.revoked_at.is_(None))
        .order_by(Certificate.not_after.desc(), Certificate.issued_at.desc(), Certificate.serial)
    ).all()


def expiries(session: Session, tenant: str, devices: Collection[str]) -> dict[str, datetime]:
    """When the last certificate of each of some devices runs out; without those that have none."""
    rows = session.execute(
        select(Certificate.device, func.max(Certificate.not_after))
        .where(Certificate.tenant == tenant, Certificate.device.in_(devices), Certificate.revoked_at.is_(None))
        .group_by(Certificate.device)
    )
    return dict(rows.all())


def revoked(session: Session, now: datetime) -> dict[str, list[RevokedCertificate]]:
    """For every tenant there is, what was taken back and has not run out."""
    found: dict[str, list[RevokedCertificate]] = {tenant: [] for tenant in session.scalars(select(Tenant.name))}
    rows = session.execute(
        select(Certificate.tenant, Certificate.device, Certificate.serial, Certificate.revoked_at).where(
            Certificate.revoked_at.is_not(None), Certificate.not_after > now
        )
    )
    for tenant, device, serial, revoked_at in rows:
        if revoked_at is not None:  # as was asked for
            found[tenant].append(RevokedCertificate(device, serial, revoked_at))
    return found
