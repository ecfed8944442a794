"""What tests of the fleet's certificates need besides our own authority: requests, and a clock that stands still."""

from collections.abc import Iterable
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

__all__ = ["FixedClock", "signing_request"]


class FixedClock:
    """Wall and monotonic time as the test sets them."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def now_ns(self) -> int:
        return int(self.now.timestamp() * 1_000_000_000)

    def wall(self) -> datetime:
        return self.now


def signing_request(
    key: ec.EllipticCurvePrivateKey | None = None,
    *,
    name: str = "whatever",
    extensions: Iterable[x509.ExtensionType] = (),
) -> str:
    """A request such as a device makes, for a new key if none is given."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    signed = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), SHA256())
    return signed.public_bytes(Encoding.PEM).decode()
