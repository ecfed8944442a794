"""What each kind of certificate says (RFC 5280): pure functions of keys, names and times.

    root CA (20 years)                     P-384, signs tenants' CAs and the certificates of our own servers
    ├── tenant CA (10 years, pathlen 0)    P-256, signs that tenant's devices and nothing below them
    │   └── device (90 days)               CN {tenant}/d/{device}, client authentication only
    └── server (1 year)                    DNS names and addresses, server authentication only
    services CA (20 years)                 P-384, self-signed too: no device's certificate leads to it
    └── service (1 year)                   CN roost-cloud, client authentication only

**When validity begins.** A client's certificate is read by brokers and APIs with clocks like ours, an hour of leeway
is plenty. A server's is read by devices, whose clocks stand still while they are off; it is as old as the root, so
that a device which was right once still believes a certificate made since. An early beginning gives nothing away: the
key is as new as it is.
"""

import ipaddress
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from roost_cloud.fleet.x509.signer import Signer
from roost_shared.errors import ContentError, DeviceError

__all__ = [
    "LEEWAY",
    "ROOT_LIFETIME",
    "TENANT_LIFETIME",
    "AuthorityExpiredError",
    "HostNameError",
    "key_identifier",
    "new_root",
    "new_tenant",
    "sign_client",
    "sign_server",
    "signature_hash",
]

ROOT_LIFETIME: Final = timedelta(days=20 * 365)
TENANT_LIFETIME: Final = timedelta(days=10 * 365)
LEEWAY: Final = timedelta(hours=1)  # between two clocks that are kept right

_ROOT_LEEWAY: Final = timedelta(days=1)
_TENANT_NAME: Final = "Roost devices CA"
_P384_BITS: Final = 384
_MAX_COMMON_NAME: Final = 64  # characters: ub-common-name of RFC 5280
_HOST_NAME: Final = re.compile(
    r"(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)


class AuthorityExpiredError(DeviceError):
    """A CA's own certificate has ended, and it can sign no other."""

    code = "authority.expired"


class HostNameError(ContentError):
    """A server certificate was asked for what is no host's name or address."""

    code = "host.invalid"


def new_root(name: str, now: datetime) -> Signer:
    """A self-signed CA of the deployment: a new key, and its certificate by itself."""
    key = ec.generate_private_key(ec.SECP384R1())
    subject = _name("Roost", name)
    begins = now - _ROOT_LEEWAY
    builder = _builder(subject, key.public_key(), begins, begins + ROOT_LIFETIME).issuer_name(subject)
    return Signer(key, _as_authority(builder, path_length=1).sign(key, SHA384()))


def new_tenant(root: Signer, tenant: str, now: datetime) -> Signer:
    """A tenant's CA: a new key, and its certificate by the root."""
    key = ec.generate_private_key(ec.SECP256R1())
    ends = _end(root, now, TENANT_LIFETIME)
    builder = _builder(_name(tenant, _TENANT_NAME), key.public_key(), now - LEEWAY, ends)
    return Signer(key, _sign(_as_authority(builder, path_length=0), root))


def sign_client(
    signer: Signer,
    public_key: ec.EllipticCurvePublicKey,
    *,
    organisation: str | None,
    name: str,
    now: datetime,
    lifetime: timedelta,
) -> x509.Certificate:
    """A client's certificate: `name` (at most 64 characters) is who a broker takes it for."""
    builder = _builder(_name(organisation, name), public_key, now - LEEWAY, _end(signer, now, lifetime))
    return _sign(_as_leaf(builder, ExtendedKeyUsageOID.CLIENT_AUTH), signer)


def sign_server(
    root: Signer, public_key: ec.EllipticCurvePublicKey, hosts: Sequence[str], now: datetime, lifetime: timedelta
) -> x509.Certificate:
    """A server's certificate for DNS names and IP addresses, the first of which names it to people.

    Raises:
        HostNameError: one of them is neither, or there is none.
    """
    if not hosts:
        raise HostNameError("a server certificate needs a host name or address")
    names = x509.SubjectAlternativeName([_host(host) for host in hosts])
    begins = root.certificate.not_valid_before_utc
    builder = _builder(_name(None, hosts[0][:_MAX_COMMON_NAME]), public_key, begins, _end(root, now, lifetime))
    return _sign(_as_leaf(builder, ExtendedKeyUsageOID.SERVER_AUTH).add_extension(names, critical=False), root)


def signature_hash(signer: Signer) -> SHA256 | SHA384:
    """The hash as strong as the signer's key."""
    return SHA384() if signer.key.key_size >= _P384_BITS else SHA256()


def key_identifier(signer: Signer) -> x509.AuthorityKeyIdentifier:
    """How what `signer` signs names the key it was signed with."""
    own = signer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own.value)


def _builder(
    subject: x509.Name, public_key: ec.EllipticCurvePublicKey, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())  # 159 bits
        .not_valid_before(begins.replace(microsecond=0))
        .not_valid_after(ends.replace(microsecond=0))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _as_authority(builder: x509.CertificateBuilder, *, path_length: int) -> x509.CertificateBuilder:
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    return builder.add_extension(constraints, critical=True).add_extension(_key_usage(ca=True), critical=True)


def _as_leaf(builder: x509.CertificateBuilder, use: x509.ObjectIdentifier) -> x509.CertificateBuilder:
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    )


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _sign(builder: x509.CertificateBuilder, signer: Signer) -> x509.Certificate:
    named = builder.issuer_name(signer.certificate.subject).add_extension(key_identifier(signer), critical=False)
    return named.sign(signer.key, signature_hash(signer))


def _end(signer: Signer, now: datetime, lifetime: timedelta) -> datetime:
    """No certificate outlives the one that vouches for it."""
    ends = signer.certificate.not_valid_after_utc
    if ends <= now:
        raise AuthorityExpiredError(f"the CA {signer.certificate.subject.rfc4514_string()} ended at {ends:%Y-%m-%d}")
    return min(now + lifetime, ends)


def _name(organisation: str | None, common_name: str) -> x509.Name:
    parts = [] if organisation is None else [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    if _HOST_NAME.fullmatch(text) is None:
        raise HostNameError(f"{text!r} is neither a DNS name nor an IP address")
    return x509.DNSName(text)
