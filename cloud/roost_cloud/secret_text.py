"""Secrets in the form of text, such as a token's: shown once to whoever shall have them, and kept as a hash.

They have 256 random bits, so a plain SHA-256 keeps them: there is nothing to guess that a slow hash would protect.

>>> secret = new_secret()
>>> matches(secret, digest_of(secret)), matches("guessed", digest_of(secret)), matches("", None)
(True, False, False)
"""

import hashlib
import hmac
import secrets
from typing import Final

__all__ = ["digest_of", "matches", "new_id", "new_secret"]

_ID_BYTES: Final = 8
_SECRET_BYTES: Final = 32


def new_id() -> str:
    """A name for something that has a secret: 16 hex digits, no secret itself."""
    return secrets.token_hex(_ID_BYTES)


def new_secret() -> str:
    """A secret that nobody has; URL-safe."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def digest_of(secret: str) -> str:
    """What is kept: its SHA-256, in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matches(secret: str, digest: str | None) -> bool:
    """Whether somebody has shown the secret of which this was kept; takes as long where nothing was (None)."""
    equal = hmac.compare_digest(digest_of(secret), digest or digest_of(""))
    return equal and digest is not None
