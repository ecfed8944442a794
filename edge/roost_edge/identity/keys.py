"""Keys, certificate requests and certificates: the only file here that knows `cryptography`.

Dates in certificates are the cloud's and are compared with each other only: the device's clock may be wrong by years.
"""

import hashlib
import hmac
import itertools
from datetime import datetime
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from roost_edge.identity.errors import CertificateError, FingerprintError, IdentityUnreadableError
from roost_shared.enrolment import common_name

__all__ = ["DeviceKey", "Validity", "check_certificate", "check_fingerprint"]

_LONGEST_CHAIN: Final = 8
_UNREADABLE: Final = (ValueError, x509.InvalidVersion, x509.DuplicateExtension)


class DeviceKey:
    """A device's private key, on the curve P-256."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key

    @classmethod
    def new(cls) -> "DeviceKey":
        """One that nobody else has."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def read(cls, pem: bytes) -> "DeviceKey":
        """One that was kept.

        Raises:
            IdentityUnreadableError: it is no such key.
        """
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as error:
            raise IdentityUnreadableError("device.key holds no key: enrol again with --replace") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise IdentityUnreadableError("device.key holds no P-256 key: enrol again with --replace")
        return cls(key)

    def pem(self) -> bytes:
        """For a file that only we can read."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def request(self) -> str:
        """A certificate request (PEM). Whose the certificate will be is the cloud's to say, not the request's."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "roost-device")])
        builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def sign(self, text: bytes) -> bytes:
        """An ECDSA signature with SHA-256, in DER."""
        return self._key.sign(text, ec.ECDSA(hashes.SHA256()))

    def fits(self, certificate: x509.Certificate) -> bool:
        """Whether the certificate is for this key."""
        mine = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        theirs = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return mine == theirs


class Validity(NamedTuple):
    """From when until when a certificate is good, by the cloud's clock."""

    not_before: datetime
    not_after: datetime


def check_fingerprint(root_pem: bytes, expected: str) -> bytes:
    """See that a root certificate is the one that an enrolment token names.

    Args:
        root_pem: what the cloud says its root is (PEM).
        expected: `sha256:` and the hex digest of its DER.

    Returns:
        That one certificate (PEM), without whatever came with it.

    Raises:
        CertificateError: it is no certificate.
        FingerprintError: it is another.
    """
    try:
        root = x509.load_pem_x509_certificate(root_pem)
    except _UNREADABLE as error:
        raise CertificateError("what the cloud gives as its root certificate is none") from error
    found = f"sha256:{hashlib.sha256(root.public_bytes(Encoding.DER)).hexdigest()}"
    if not hmac.compare_digest(found, expected):
        raise FingerprintError(
            f"the cloud's root certificate has the fingerprint {found}, the token says {expected}: the address is"
            " wrong, or somebody is in between. The token's secret was not sent"
        )
    return root.public_bytes(Encoding.PEM)


def check_certificate(chain_pem: str, root_pem: bytes, *, key: DeviceKey, tenant: str, device: str) -> Validity:
    """See that a certificate is for this key and this device, and comes from the pinned root.

    Args:
        chain_pem: the device's certificate, then those of the authorities between it and the root (PEM).
        root_pem: the pinned root (PEM).
        key: ours.
        tenant: whose device it shall be.
        device: its name.

    Raises:
        CertificateError: it is not; says what is wrong.
    """
    try:
        chain = x509.load_pem_x509_certificates(chain_pem.encode())
        root = x509.load_pem_x509_certificate(root_pem)
        leaf = chain[0]
        names = [str(one.value) for one in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        ours = key.fits(leaf)
    except _UNREADABLE as error:
        raise CertificateError("the cloud's answer holds no certificate that can be read") from error
    if not ours:
        raise CertificateError("the cloud's certificate is for another key than this device's")
    if names != [common_name(tenant, device)]:
        raise CertificateError(f"the cloud's certificate names {names}, and not {common_name(tenant, device)}")
    _check_chain([*chain, root])
    if not leaf.not_valid_before_utc < leaf.not_valid_after_utc:
        raise CertificateError("the cloud's certificate ends before it begins")
    return Validity(leaf.not_valid_before_utc, leaf.not_valid_after_utc)


def _check_chain(chain: list[x509.Certificate]) -> None:
    """See that each is issued by the next, and that those that issue may."""
    if len(chain) > _LONGEST_CHAIN:
        raise CertificateError(f"the cloud's certificate comes with more than {_LONGEST_CHAIN - 2} authorities")
    try:
        for subject, issuer in itertools.pairwise(chain):
            subject.verify_directly_issued_by(issuer)
            constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints)
            if not constraints.value.ca:
                raise CertificateError("the cloud's certificate was issued by one that may issue none")
    except (*_UNREADABLE, TypeError, InvalidSignature, x509.ExtensionNotFound) as error:
        raise CertificateError("the cloud's certificate does not lead to the root that the token named") from error
