"""How a device proves at the API who it is, and renews its certificate.

    nonce ──signed by the device's key──▶ prove() ─▶ sign_in() ─▶ a short token ─▶ recognise(), each time it is shown

Whatever is wrong with a proof, it is refused in one way: nobody learns from us which devices there are.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import Certificate, Device, SpentNonce
from roost_cloud.errors import UnauthenticatedError
from roost_cloud.fleet import certificates
from roost_cloud.fleet.authority import Authority, IssuedCertificate
from roost_cloud.fleet.device_tokens import DeviceClaims, Scope
from roost_cloud.fleet.nonces import NONCE_LIFETIME, is_good
from roost_cloud.people import audit
from roost_shared.enrolment import signed_text

__all__ = ["DeviceRefusedError", "SignedNonce", "actor", "prove", "recognise", "renew", "sign_in"]

_PRUNED_AT_ONCE: Final = 100  # rows
# Verified with where there is no key, so that time does not tell either. Its private half is forgotten at once.
_NOBODY: Final = generate_private_key(SECP256R1()).public_key()


class DeviceRefusedError(UnauthenticatedError):
    """Not a device of ours: unknown, revoked, or the proof does not hold."""

    code = "device.refused"

    def __init__(self) -> None:
        super().__init__("the device is not known here, was revoked, or did not prove who it is")


@dataclass(frozen=True, kw_only=True)
class SignedNonce:
    """What a device sends to prove who it is.

    Attributes:
        tenant: whose it says it is.
        device: who it says it is.
        nonce: as it got it.
        signature: ECDSA with SHA-256 over `signed_text(tenant, device, nonce)`, DER, in base64.
    """

    tenant: str
    device: str
    nonce: str
    signature: str


def actor(device: str) -> str:
    """A device's name in the audit."""
    return f"device:{device}"


def prove(session: Session, proof: SignedNonce, *, nonce_key: bytes, now: datetime) -> Certificate:
    """Tell whose key signed a nonce; writes nothing, so that a stranger costs us no write.

    Returns:
        The key's certificate, that which lasts longest if it has several; it may have expired.

    Raises:
        DeviceRefusedError: nobody's whom we know.
    """
    if not is_good(nonce_key, proof.nonce, proof.tenant, proof.device, now):
        raise DeviceRefusedError
    try:
        signature = base64.b64decode(proof.signature, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DeviceRefusedError from error
    text = signed_text(proof.tenant, proof.device, proof.nonce)
    known = certificates.certified_keys(session, proof.tenant, proof.device)
    if not known:
        _has_signed(_NOBODY, signature, text)
    for certificate in known:
        key = load_der_public_key(certificate.public_key)
        if isinstance(key, EllipticCurvePublicKey) and _has_signed(key, signature, text):
            return certificate
    raise DeviceRefusedError


def sign_in(session: Session, proof: SignedNonce, certificate: Certificate, now: datetime) -> DeviceClaims:
    """Spend the nonce, and tell what the device may do from now on.

    The first time that a key signs in, the device's other keys are at an end: it has got its new certificate.

    Args:
        session: to write with.
        proof: as `prove` took it.
        certificate: as `prove` gave it.
        now: when.

    Raises:
        DeviceRefusedError: the nonce was used before, or the certificate was revoked since.
    """
    tenant, name = proof.tenant, proof.device
    current = _live_certificate(session, tenant, name, certificate.serial, lock=True)
    digest = hashlib.sha256(proof.nonce.encode()).hexdigest()
    if not insert_absent(session, SpentNonce, nonce_sha256=digest, expires_at=now + 2 * NONCE_LIFETIME):
        raise DeviceRefusedError
    key = current.public_key_sha256
    if certificates.note_use(session, tenant, name, key=key, now=now):
        old = certificates.revoke(session, tenant, name, now=now, but_key=key)
        audit.record(
            session,
            tenant=tenant,
            actor=actor(name),
            action="device.first_sign_in",
            subject=name,
            now=now,
            serial=current.serial,
            revoked=sorted(old),
        )
    _prune(session, now)
    return DeviceClaims(tenant=tenant, device=name, serial=current.serial, scope=_scope(current, now))


def recognise(session: Session, claims: DeviceClaims, now: datetime) -> Scope:
    """Tell what the bearer of a token may do by now.

    Raises:
        DeviceRefusedError: the device or its certificate was revoked since.
    """
    certificate = _live_certificate(session, claims.tenant, claims.device, claims.serial, lock=False)
    return "renew" if claims.scope == "renew" else _scope(certificate, now)


def renew(
    session: Session, claims: DeviceClaims, csr_pem: str, *, authority: Authority, lifetime: timedelta, now: datetime
) -> IssuedCertificate:
    """Certify a device's next key, or its present one again; the present one stays good until the next signs in.

    A key that was certified before and never signed in is given up: the device has not kept it.

    Raises:
        DeviceRefusedError: the device was revoked since.
        SigningRequestError: the request cannot be granted.
        TooManyCertificatesError: it does this all the time.
    """
    tenant, name = claims.tenant, claims.device
    _live_certificate(session, tenant, name, claims.serial, lock=True)
    certificates.revoke(session, tenant, name, now=now, unused=True)
    issued = certificates.issue(session, authority.tenant(tenant), name, csr_pem, lifetime=lifetime, now=now)
    audit.record(
        session,
        tenant=tenant,
        actor=actor(name),
        action="device.renew",
        subject=name,
        now=now,
        serial=issued.serial,
    )
    return issued


def _live_certificate(session: Session, tenant: str, name: str, serial: str, *, lock: bool) -> Certificate:
    """A device's certificate, not revoked; with `lock`, while nobody else changes any of the device's."""
    device = session.get(Device, (tenant, name), with_for_update=lock or None)
    certificate = session.get(Certificate, (tenant, serial))
    if device is None or device.status != "enrolled":
        raise DeviceRefusedError
    if certificate is None or certificate.device != name or certificate.revoked_at is not None:
        raise DeviceRefusedError
    return certificate


def _scope(certificate: Certificate, now: datetime) -> Scope:
    return "device" if now < certificate.not_after else "renew"


def _has_signed(key: EllipticCurvePublicKey, signature: bytes, text: bytes) -> bool:
    try:
        key.verify(signature, text, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _prune(session: Session, now: datetime) -> None:
    """Forget nonces that are too old to come again; those another is about to forget are left to it."""
    old = select(SpentNonce.nonce_sha256).where(SpentNonce.expires_at <= now).limit(_PRUNED_AT_ONCE)
    session.execute(delete(SpentNonce).where(SpentNonce.nonce_sha256.in_(old.with_for_update(skip_locked=True))))
