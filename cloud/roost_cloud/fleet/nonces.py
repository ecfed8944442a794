"""What a device signs to show that it holds its key: a number of ours, good for a minute. Pure.

A nonce carries when it was made and a MAC over that and whom it is for, so that handing one out writes nothing: who is
unknown to us may ask for as many as they like. That it is used once is for the database to see to (`device_auth.py`),
which learns only of those that come back signed.

>>> from datetime import UTC, datetime
>>> now = datetime(2026, 11, 24, tzinfo=UTC)
>>> nonce = new_nonce(b"key", "acme", "cam-01", now)
>>> is_good(b"key", nonce, "acme", "cam-01", now), is_good(b"key", nonce, "acme", "cam-02", now)
(True, False)
"""

import base64
import binascii
import hmac
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

from roost_shared.enrolment import common_name

__all__ = ["MAX_NONCE_CHARS", "NONCE_LIFETIME", "is_good", "new_nonce"]

NONCE_LIFETIME: Final = timedelta(seconds=60)
MAX_NONCE_CHARS: Final = 100
_PURPOSE: Final = b"roost-nonce-v1\n"  # the same key signs other things
_TIME_BYTES: Final = 8
_RANDOM_BYTES: Final = 16
_MAC_BYTES: Final = 32
_BYTES: Final = _TIME_BYTES + _RANDOM_BYTES + _MAC_BYTES
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def new_nonce(key: bytes, tenant: str, device: str, now: datetime) -> str:
    """Make a nonce for a device, which need not exist."""
    made_ms = (now - _EPOCH) // timedelta(milliseconds=1)
    body = made_ms.to_bytes(_TIME_BYTES, "big") + secrets.token_bytes(_RANDOM_BYTES)
    return base64.urlsafe_b64encode(body + _mac(key, tenant, device, body)).decode().rstrip("=")


def is_good(key: bytes, nonce: str, tenant: str, device: str, now: datetime) -> bool:
    """Whether a nonce is ours, for this device, and not too old.

    One from the future is good for as long again: the server's clock may have been set back a little.
    """
    try:
        data = base64.b64decode(nonce + "=" * (-len(nonce) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return False
    body, mac = data[: _BYTES - _MAC_BYTES], data[_BYTES - _MAC_BYTES :]
    if not hmac.compare_digest(mac, _mac(key, tenant, device, body)):
        return False
    made = _EPOCH + timedelta(milliseconds=int.from_bytes(body[:_TIME_BYTES], "big"))
    return abs(now - made) < NONCE_LIFETIME


def _mac(key: bytes, tenant: str, device: str, body: bytes) -> bytes:
    return hmac.digest(key, _PURPOSE + common_name(tenant, device).encode() + b"\n" + body, "sha256")
