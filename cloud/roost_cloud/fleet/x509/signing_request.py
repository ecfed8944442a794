"""What a device's certificate signing request is asked for: its public key, and nothing else.

A request also carries names and wished-for extensions. None is read: who a device is, its enrolment token says.
The request's own signature proves that whoever sent it holds the private key.
"""

import hashlib
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from roost_shared.errors import ContentError

__all__ = ["MAX_REQUEST_BYTES", "SigningRequestError", "device_public_key", "fingerprint"]

MAX_REQUEST_BYTES: Final = 8192  # bytes of PEM; a P-256 request with a name is about 500


class SigningRequestError(ContentError):
    """A certificate signing request cannot be granted."""

    code = "csr.invalid"


def device_public_key(csr_pem: str) -> bytes:
    """The public key a signing request is for, as SubjectPublicKeyInfo (DER).

    Load it again by `cryptography.hazmat.primitives.serialization.load_der_public_key`. The same key always gives
    the same bytes: `cryptography` writes a point uncompressed, however the request wrote it.

    Args:
        csr_pem: a PKCS #10 request, PEM.

    Raises:
        SigningRequestError: it is none, its key is no P-256 key, or its signature is not by that key.
    """
    return _spki(read_public_key(csr_pem))


def read_public_key(csr_pem: str) -> EllipticCurvePublicKey:
    """As `device_public_key`, as an object."""
    if len(csr_pem) > MAX_REQUEST_BYTES:
        raise SigningRequestError(f"a signing request of {len(csr_pem)} characters; at most {MAX_REQUEST_BYTES}")
    try:
        request = x509.load_pem_x509_csr(csr_pem.encode())
        key = request.public_key()
        signed = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SigningRequestError("this is no signing request (PKCS #10, PEM) for a P-256 key") from error
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise SigningRequestError("a device's key is a P-256 key (ECDSA), and this request's is another")
    if not signed:
        raise SigningRequestError("the request's signature is not by the key it is for")
    return key


def fingerprint(der: bytes) -> str:
    """`sha256:` and the lower-case hex digest of a certificate or public key in DER.

    >>> fingerprint(b"")
    'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    """
    return f"sha256:{hashlib.sha256(der).hexdigest()}"


def _spki(key: EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
