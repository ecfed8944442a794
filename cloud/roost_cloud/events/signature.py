"""By which a webhook's receiver knows that we sent it, and when: an HMAC over moment and body. Pure.

`Roost-Signature: t=1795478400,v1=…` where v1 is HMAC-SHA256, in hex, of the moment, a dot and the body, by the hook's
secret. A receiver compares it, and refuses what is older than a few minutes. No secret is stored: each hook's follows
from the deployment's own key.

>>> secret = secret_of(b"the deployment's key", "acme", "0011223344556677")
>>> header = signature(secret, b"{}", 1795478400)
>>> verifies(secret, b"{}", header, now=1795478460), verifies(secret, b"[]", header, now=1795478460)
(True, False)
>>> verifies(secret, b"{}", header, now=1795479400)
False
"""

import hashlib
import hmac
import re
from typing import Final

__all__ = ["HEADER", "secret_of", "signature", "verifies"]

HEADER: Final = "Roost-Signature"
_FORM: Final = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")
_OLDEST_S: Final = 300


def secret_of(key: bytes, tenant: str, hook: str) -> str:
    """A hook's secret.

    Args:
        key: the deployment's own.
        tenant: whose hook.
        hook: its id, never given to another.
    """
    return "roosthook_" + hmac.new(key, f"hook/{tenant}/{hook}".encode(), hashlib.sha256).hexdigest()


def signature(secret: str, body: bytes, at_s: int) -> str:
    """The header's value, for a body sent at a moment, in seconds since 1970."""
    return f"t={at_s},v1={_digest(secret, body, at_s)}"


def verifies(secret: str, body: bytes, header: str, *, now: int, oldest_s: int = _OLDEST_S) -> bool:
    """Whether a header is ours, and of now: what a receiver does."""
    found = _FORM.fullmatch(header)
    if found is None or abs(now - int(found[1])) > oldest_s:
        return False
    return hmac.compare_digest(found[2], _digest(secret, body, int(found[1])))


def _digest(secret: str, body: bytes, at_s: int) -> str:
    return hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
