"""What a broker has to know of revoked devices: one document, made by the API and read beside the broker.

The API makes it anew for each request (`revocations_document`), `roost broker sync` fetches it and reads it strictly
(`read_document`): what it says becomes lines of a broker's configuration.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

import msgspec
from cryptography import x509

from roost_cloud.fleet.authority import Authority, device_identity
from roost_cloud.fleet.x509.revocation_list import Revocation
from roost_shared.enrolment import parse_common_name
from roost_shared.errors import ContentError
from roost_shared.messages import UNREADABLE

__all__ = [
    "DocumentError",
    "RevocationsDocument",
    "RevokedCertificate",
    "Withdrawn",
    "parse_crls",
    "read_document",
    "revocations_document",
]

_SERIAL: Final = re.compile(r"[0-9a-f]{1,40}")
_CRL: Final = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)


class DocumentError(ContentError):
    """A document of revocations is not one."""

    code = "revocations.invalid"


class RevokedCertificate(msgspec.Struct, frozen=True):
    """A device's certificate that was taken back and has not run out yet.

    Attributes:
        device: whose it was.
        serial: lower-case hex, as `IssuedCertificate.serial`.
        revoked_at: aware.
    """

    device: str
    serial: str
    revoked_at: datetime


class Withdrawn(msgspec.Struct, frozen=True):
    """A certificate whose connections have to end, though its device may have another one by now."""

    identity: str
    serial: str


class RevocationsDocument(msgspec.Struct, frozen=True, kw_only=True):
    """All that is revoked in a deployment.

    Attributes:
        crl_pem: the root's list, then every tenant CA's, PEM. A tenant without a list could not connect at all.
        revoked: `{tenant}/d/{device}` of devices that have no certificate left: nothing may pass from or to them.
        withdrawn: every certificate in the lists, by whom it named.
        version: changes whenever any of the above says something else.
    """

    crl_pem: str
    revoked: list[str]
    withdrawn: list[Withdrawn] = []
    version: str


def revocations_document(
    authority: Authority,
    tenants: Mapping[str, Iterable[RevokedCertificate]],
    revoked: Iterable[tuple[str, str]],
    now: datetime,
) -> RevocationsDocument:
    """Make the document; the lists are signed anew, about 0.1 ms a tenant.

    Args:
        authority: the deployment's.
        tenants: every tenant there is, with its revoked certificates; those that ran out may be left out.
        revoked: (tenant, device) of all whose status is revoked.
        now: aware.

    Raises:
        SecretFileError: a tenant's CA cannot be used.
    """
    lists = [authority.crl([], now)]
    withdrawn = []
    for tenant, certificates in sorted(tenants.items()):
        ordered = sorted(certificates, key=lambda certificate: certificate.serial)
        lists.append(authority.tenant(tenant).crl([Revocation(c.serial, c.revoked_at) for c in ordered], now))
        withdrawn += [Withdrawn(device_identity(tenant, c.device), c.serial) for c in ordered]
    identities = sorted(device_identity(tenant, device) for tenant, device in revoked)
    said = msgspec.json.encode([authority.root_fingerprint, sorted(tenants), identities, withdrawn])
    return RevocationsDocument(
        crl_pem="".join(lists),
        revoked=identities,
        withdrawn=withdrawn,
        version=hashlib.sha256(said).hexdigest(),
    )


def read_document(data: bytes) -> RevocationsDocument:
    """Read a document that came over the network.

    Raises:
        DocumentError: it is none, or an identity or list in it is none; says which.
    """
    try:
        document = msgspec.json.decode(data, type=RevocationsDocument)
    except UNREADABLE as error:
        raise DocumentError(f"this is no document of revocations: {error}") from error
    for identity in [*document.revoked, *(certificate.identity for certificate in document.withdrawn)]:
        if parse_common_name(identity) is None:
            raise DocumentError(f"{identity!r} is no device's identity")
    for certificate in document.withdrawn:
        if _SERIAL.fullmatch(certificate.serial) is None:
            raise DocumentError(f"{certificate.serial!r} is no serial number")
    parse_crls(document.crl_pem)
    return document


def parse_crls(crl_pem: str) -> list[x509.CertificateRevocationList]:
    """The lists of a file of lists.

    Raises:
        DocumentError: there is none, one cannot be read, or there is something else between them.
    """
    data = crl_pem.encode()
    if _CRL.sub(b"", data).strip():
        raise DocumentError("there is something between the revocation lists")
    try:
        lists = [x509.load_pem_x509_crl(pem) for pem in _CRL.findall(data)]
    except ValueError as error:
        raise DocumentError("a revocation list cannot be read") from error
    if not lists or any(one.next_update_utc is None for one in lists):
        raise DocumentError("there is no revocation list, or one that never runs out")
    return lists
