"""What device and cloud must agree on before they know each other: the enrolment token, and what a device signs.

A token is one line that a person carries from the cloud to the device: `roostenrol_` and, in base64url, JSON with its
id, its secret, and the fingerprint of the cloud's root certificate, so that the device knows the cloud before it tells
it the secret. Later the device proves who it is by signing a nonce of the cloud's with its key.

>>> token = EnrolmentToken(id="e1", secret="s3cret", ca="sha256:" + 64 * "0")
>>> EnrolmentToken.parse(token.text()) == token
True
"""

import base64
import binascii
import re
from typing import Final

import msgspec

from roost_shared.errors import ContentError
from roost_shared.messages import UNREADABLE
from roost_shared.topics import is_name

__all__ = ["EnrolmentToken", "EnrolmentTokenError", "common_name", "parse_common_name", "signed_text"]

PREFIX: Final = "roostenrol_"
VERSION: Final = 1
LONGEST: Final = 4096  # characters
FINGERPRINT: Final = re.compile(r"sha256:[0-9a-f]{64}")
URL_SAFE: Final = re.compile(r"[A-Za-z0-9_-]*")


class EnrolmentTokenError(ContentError):
    """The text is no enrolment token; says what is wrong with it, and repeats none of it."""

    code = "enrolment.token"


class EnrolmentToken(msgspec.Struct, frozen=True, kw_only=True):
    """One use, one device.

    Attributes:
        v: of this format.
        id: names the token at the cloud.
        secret: proves that its bearer was given it.
        ca: `sha256:` and the hex digest of the root certificate's DER.
        tuf: the same of the tenant's root of trust for bundles, of its bytes; None until there is one.
    """

    v: int = VERSION
    id: str
    secret: str
    ca: str
    tuf: str | None = None

    def text(self) -> str:
        """The line to carry."""
        return PREFIX + base64.urlsafe_b64encode(msgspec.json.encode(self)).rstrip(b"=").decode()

    @staticmethod
    def parse(text: str) -> "EnrolmentToken":
        """Read a token; white space around it does no harm.

        Raises:
            EnrolmentTokenError: it is none, or was cut, or is of another version.
        """
        text = text.strip()
        if not text.startswith(PREFIX):
            raise EnrolmentTokenError(f"an enrolment token begins with {PREFIX!r}; this text does not")
        token = _decode(text.removeprefix(PREFIX).rstrip("="))
        if token.v != VERSION:
            side = "the device" if token.v > VERSION else "the cloud"
            raise EnrolmentTokenError(f"the token has version {token.v}, we read {VERSION}: upgrade {side}")
        if not (token.id and token.secret):
            raise EnrolmentTokenError("the token holds no id or no secret: ask for another")
        if FINGERPRINT.fullmatch(token.ca) is None:
            raise EnrolmentTokenError("the token's `ca` is no sha256 fingerprint: ask for another")
        if token.tuf is not None and FINGERPRINT.fullmatch(token.tuf) is None:
            raise EnrolmentTokenError("the token's `tuf` is no sha256 digest: ask for another")
        return token


def _decode(body: str) -> EnrolmentToken:
    if len(body) > LONGEST:
        raise EnrolmentTokenError(f"the token is longer than {LONGEST} characters")
    if URL_SAFE.fullmatch(body) is None:
        raise EnrolmentTokenError("the token holds a character that none has: copy it whole, on one line")
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), type=EnrolmentToken)
    except (binascii.Error, *UNREADABLE) as error:
        raise EnrolmentTokenError("the token is cut or damaged: copy it whole, on one line") from error


def common_name(tenant: str, device: str) -> str:
    """A device's name among all tenants': its certificate's common name, its user and client name at a broker."""
    return f"{tenant}/d/{device}"


def parse_common_name(text: str) -> tuple[str, str] | None:
    """Tenant and device of a common name; None if it is no device's.

    >>> parse_common_name("acme/d/cam-01"), parse_common_name("roost-cloud")
    (('acme', 'cam-01'), None)
    """
    match text.split("/"):
        case [tenant, "d", device] if is_name(tenant) and is_name(device):
            return tenant, device
    return None


def signed_text(tenant: str, device: str, nonce: str) -> bytes:
    """What a device signs (ECDSA, P-256, SHA-256) to show that it holds its key."""
    return f"roost-device-auth-v1\n{common_name(tenant, device)}\n{nonce}".encode()
