"""Enrolment: a token that a person carried, and a key made on the device, become a device with a certificate.

Who the device is, the token says; of the signing request only the key is taken. Of all that come with one token the
first key wins; the same key again gets a certificate again, for its answer may have been lost.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from roost_cloud.assignments import desired
from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import Device, DeviceLabel, DeviceReport, EnrolmentToken
from roost_cloud.errors import ConflictError
from roost_cloud.fleet import certificates
from roost_cloud.fleet.authority import Authority, IssuedCertificate
from roost_cloud.fleet.enrolment_tokens import EnrolmentRefusedError, check_usable
from roost_cloud.fleet.x509.signing_request import device_public_key, fingerprint
from roost_cloud.people import audit

__all__ = ["Enrolled", "redeem"]


@dataclass(frozen=True)
class Enrolled:
    """A device that has just got its certificate.

    Attributes:
        tenant: whose it is.
        device: its name.
        certificate: its certificate.
        replaced: the device was there before, and whoever was connected as it is to be cut off.
        root_version: of the root of trust whose digest its token carries; None if it carries none.
    """

    tenant: str
    device: str
    certificate: IssuedCertificate
    replaced: bool
    root_version: int | None


def redeem(
    session: Session, token: str, csr_pem: str, *, authority: Authority, lifetime: timedelta, now: datetime
) -> Enrolled:
    """Make of a token's bearer the token's device, all of it or nothing.

    Args:
        session: to write with.
        token: the id of a token whose secret the bearer has shown.
        csr_pem: the bearer's signing request.
        authority: who certifies.
        lifetime: of the certificate.
        now: when.

    Raises:
        SigningRequestError: the request cannot be granted; the token is as good as before.
        EnrolmentRefusedError: the token is no longer good, or another key used it.
        ConflictError: there is such a device by now, and the token is not for replacing it.
    """
    key = fingerprint(device_public_key(csr_pem))
    # Locked until the end: of two that come at once the second sees what the first made of it.
    row = session.get(EnrolmentToken, token, with_for_update=True)
    if row is None:
        raise EnrolmentRefusedError("the enrolment token is unknown")
    check_usable(row, now)
    actor = f"enrolment:{row.id}"
    if row.used_at is None:
        replaced = _become(session, row, now)
        row.used_at, row.used_public_key_sha256 = now, key
        action = "device.replace" if replaced else "device.enrol"
    else:
        _check_same_key(session, row, key)
        replaced, action = False, "device.enrol_again"
    issued = certificates.issue(session, authority.tenant(row.tenant), row.device, csr_pem, lifetime=lifetime, now=now)
    audit.record(
        session, tenant=row.tenant, actor=actor, action=action, subject=row.device, now=now, serial=issued.serial
    )
    return Enrolled(row.tenant, row.device, issued, replaced, row.root_version)


def _become(session: Session, token: EnrolmentToken, now: datetime) -> bool:
    """Make the device, or make it anew; return whether it was there."""
    device = session.get(Device, (token.tenant, token.device), with_for_update=True)
    if device is None:
        if not insert_absent(session, Device, tenant=token.tenant, name=token.device, enrolled_at=now):
            raise _taken(token)  # another token made it since we looked
    elif not token.replace:
        raise _taken(token)
    else:
        certificates.revoke(session, token.tenant, token.device, now=now)
        _begin_anew(session, device, now)
    if token.labels:
        of_device = (DeviceLabel.tenant == token.tenant, DeviceLabel.device == token.device)
        session.execute(delete(DeviceLabel).where(*of_device))
        session.add_all(
            DeviceLabel(tenant=token.tenant, device=token.device, key=key, value=value)
            for key, value in token.labels.items()
        )
    return device is not None


def _begin_anew(session: Session, device: Device, now: datetime) -> None:
    """Forget what the lost machine said of itself: another one bears the name from now on. What is assigned stays."""
    of_device = (DeviceReport.tenant == device.tenant, DeviceReport.device == device.name)
    session.execute(delete(DeviceReport).where(*of_device))
    desired.mark(session, device.tenant, device.name)
    device.status, device.enrolled_at, device.revoked_at = "enrolled", now, None
    device.broker_secret_sha256 = None
    device.state, device.boot, device.session, device.last_seen = "never", None, None, None
    device.agent_version, device.problem = None, None


def _check_same_key(session: Session, token: EnrolmentToken, key: str) -> None:
    """See that the token's user comes again, and is still who it was: not revoked, replaced or renewed since."""
    if token.used_public_key_sha256 != key:
        raise EnrolmentRefusedError(f"the enrolment token {token.id} was used by another key")
    device = session.get(Device, (token.tenant, token.device), with_for_update=True)
    known = certificates.certified_keys(session, token.tenant, token.device)
    if device is None or all(each.public_key_sha256 != key for each in known):
        raise EnrolmentRefusedError(f"the enrolment token {token.id} was used, and its device's key is no longer good")


def _taken(token: EnrolmentToken) -> ConflictError:
    return ConflictError(
        f"there is a device {token.device!r} already: ask for a token that replaces it, if this is the same device"
    )
