"""A certificate revocation list (RFC 5280): what a signer has taken back.

`this_update` lies as far back as a certificate's beginning, for a broker whose clock is a little slow. A list made
later is newer all the same, by whole seconds: OpenSSL takes the newest of those it holds.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from roost_cloud.fleet.x509.profiles import LEEWAY, key_identifier, signature_hash
from roost_cloud.fleet.x509.signer import Signer

__all__ = ["CRL_LIFETIME", "Revocation", "revocation_list"]

CRL_LIFETIME: Final = timedelta(days=7)
"""How long a list is good for.

A broker (any that uses OpenSSL) lets nobody in by a list that has run out, so this is how long the cloud may be away
before the fleet is locked out. It is not how fast a revocation takes effect: a list is made anew for every revocation,
and at least daily (`roost broker sync`). It bounds for how long someone who holds back new lists can use a stolen key.
"""

_MS_PER_S: Final = 1000


class Revocation(NamedTuple):
    """One certificate taken back.

    Attributes:
        serial: lower-case hex, as `IssuedCertificate.serial` says it.
        revoked_at: aware.
    """

    serial: str
    revoked_at: datetime


def revocation_list(signer: Signer, revocations: Iterable[Revocation], now: datetime) -> str:
    """The list of one signer, PEM; empty lists count too: OpenSSL refuses every client whose signer has none.

    Args:
        signer: whose certificates these are.
        revocations: certificates that ran out may be left out.
        now: aware; the list's number is made of it, so that it grows whatever machine makes it.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(signer.certificate.subject)
        .last_update((now - LEEWAY).replace(microsecond=0))
        .next_update((now + CRL_LIFETIME).replace(microsecond=0))
        .add_extension(x509.CRLNumber(int(now.timestamp() * _MS_PER_S)), critical=False)
        .add_extension(key_identifier(signer), critical=False)
    )
    for revocation in revocations:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(int(revocation.serial, 16))
            .revocation_date(revocation.revoked_at.replace(microsecond=0))
            .build()
        )
    return builder.sign(signer.key, signature_hash(signer)).public_bytes(Encoding.PEM).decode()
