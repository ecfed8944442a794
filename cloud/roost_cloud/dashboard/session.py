"""What the session's cookie says: by which API token somebody has signed in, and until when. Pure.

The cookie holds no secret of the token's, and is good for nothing but the dashboard.

>>> from datetime import UTC, datetime
>>> key, noon = session_key(32 * b"k"), datetime(2026, 12, 1, 12, tzinfo=UTC)
>>> cookie = new_session(key, "0123456789abcdef", noon)
>>> read_session(key, cookie, noon + timedelta(hours=11))
'0123456789abcdef'
>>> read_session(key, cookie, noon + timedelta(hours=12)) is None
True
"""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt

__all__ = ["LIFETIME", "new_session", "read_session", "session_key"]

LIFETIME: Final = timedelta(hours=12)
_LEEWAY: Final = timedelta(minutes=1)  # for a server whose clock is a little behind another's
_ALGORITHM: Final = "HS256"
_AUDIENCE: Final = "roost-dashboard"


def session_key(token_key: bytes) -> bytes:
    """The key of sessions, of the deployment's key of tokens: neither's work passes for the other's."""
    return hmac.new(token_key, b"dashboard session", hashlib.sha256).digest()


def new_session(key: bytes, token: str, now: datetime) -> str:
    """A cookie for whoever has shown the API token of this id."""
    payload = {
        "aud": _AUDIENCE,
        "iat": int(now.timestamp()),
        "exp": int((now + LIFETIME).timestamp()),
        "sub": token,
    }
    return jwt.encode(payload, key, _ALGORITHM)


def read_session(key: bytes, cookie: str, now: datetime) -> str | None:
    """The id of the API token; None if the cookie is none of ours, or no longer good."""
    # PyJWT would ask this machine's clock; ours is the one the cookie was made by.
    options: Any = {"require": ["aud", "exp", "iat", "sub"], "verify_exp": False, "verify_iat": False}
    try:
        payload = jwt.decode(cookie, key, algorithms=[_ALGORITHM], audience=_AUDIENCE, options=options)
    except jwt.InvalidTokenError:
        return None
    issued, expires = (datetime.fromtimestamp(payload[claim], UTC) for claim in ("iat", "exp"))
    return str(payload["sub"]) if issued - _LEEWAY <= now < expires else None
