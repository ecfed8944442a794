"""Signed URLs of the `file://` store: who has one may do that one thing with that one object, until it expires.

A signature is HMAC-SHA256 over everything the URL allows: method, key, upload, part, size and expiry. The
bearer can change none of them. Pure: the time comes in.
"""

import hmac
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from roost_cloud.objects.errors import ExpiredUrlError, ForgedUrlError

__all__ = ["OBJECTS_PATH", "Grant", "UrlSigner"]

OBJECTS_PATH: Final = "/api/v1/objects"
_PURPOSE: Final = b"roost-object-v1\n"  # no other use of the same secret can give the same signature
_MIN_SECRET_BYTES: Final = 32


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """What one URL allows."""

    method: str
    """`GET` or `PUT`."""
    key: str
    expires_at: int
    """Unix seconds, by our clock."""
    size_bytes: int | None = None
    """Of the body of a PUT, exactly."""
    upload_id: str | None = None
    part_number: int | None = None


class UrlSigner:
    """Makes signed URLs, and knows its own again.

    Args:
        secret: at least 32 random bytes, the same in every process that serves these URLs.
        public_url: where clients reach the API, without `/api/v1`.

    Raises:
        ValueError: the secret is too short.
    """

    def __init__(self, secret: bytes, public_url: str) -> None:
        if len(secret) < _MIN_SECRET_BYTES:
            raise ValueError(f"a secret of {len(secret)} bytes; at least {_MIN_SECRET_BYTES}")
        self._secret = secret
        self._base = public_url.rstrip("/") + OBJECTS_PATH

    def url(self, grant: Grant) -> str:
        """The URL that allows `grant`; `check` of what it says passes."""
        query = {
            "expires": grant.expires_at,
            "size": grant.size_bytes,
            "upload": grant.upload_id,
            "part": grant.part_number,
            "signature": self._signature(grant),
        }
        given = {name: value for name, value in query.items() if value is not None}
        return f"{self._base}/{quote(grant.key)}?{urlencode(given)}"

    def check(self, grant: Grant, signature: str, now: datetime) -> None:
        """Let a request pass that asks for `grant`, or raise.

        Raises:
            ForgedUrlError: we did not sign this.
            ExpiredUrlError: we did, and its time is over.
        """
        if not hmac.compare_digest(self._signature(grant).encode(), signature.encode("utf-8", "surrogatepass")):
            raise ForgedUrlError("the URL's signature is not ours, or not for this method, key, part and size")
        if now.timestamp() >= grant.expires_at:
            raise ExpiredUrlError("the URL has expired; ask for a fresh one")

    def _signature(self, grant: Grant) -> str:
        return hmac.digest(self._secret, _PURPOSE + msgspec.json.encode(grant), "sha256").hex()
