"""A certificate authority's key and certificate: one file, written once and never again.

Both lie in one PEM file, the key first, so that they cannot disagree, and where two processes start together the one
that comes second uses what the first one wrote.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from roost_cloud.secret_files import SecretFileError, create_once

__all__ = ["Signer", "key_pem", "load_or_create"]


class Signer(NamedTuple):
    """The key and certificate of one authority."""

    key: EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def certificate_pem(self) -> str:
        """The certificate, PEM."""
        return self.certificate.public_bytes(Encoding.PEM).decode()


def key_pem(key: EllipticCurvePrivateKey) -> bytes:
    """A private key, PKCS #8 PEM, unencrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load_or_create(file: Path, create: Callable[[], Signer]) -> Signer:
    """Read the authority in `file`; where there is none, keep there what `create` makes, durably.

    Raises:
        SecretFileError: as `create_once`, or the file holds no key with its certificate.
    """
    pem = create_once(file, lambda: _pem(create()))
    try:
        key = load_pem_private_key(pem, password=None)
        certificate = x509.load_pem_x509_certificate(pem)
        belongs = key.public_key() == certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SecretFileError(file, "this is no private key followed by its certificate (PEM)") from error
    if not isinstance(key, EllipticCurvePrivateKey) or not belongs:
        raise SecretFileError(file, "key and certificate do not belong together, or the key is not elliptic")
    return Signer(key, certificate)


def _pem(signer: Signer) -> bytes:
    return key_pem(signer.key) + signer.certificate_pem.encode()
