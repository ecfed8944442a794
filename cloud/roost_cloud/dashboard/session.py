"""What the session's cookie says: by which API tokens somebody has signed in, and until when. Pure.

The cookie holds no secret of the tokens', and is good for nothing but the dashboard. Each token is of another tenant,
whose things are seen one tenant at a time: those of the first.

>>> from datetime import UTC, datetime
>>> key, noon = session_key(32 * b"k"), datetime(2026, 12, 1, 12, tzinfo=UTC)
>>> cookie = write_session(key, begun(["0123456789abcdef"], noon))
>>> read_session(key, cookie, noon + timedelta(hours=11)).tokens
('0123456789abcdef',)
>>> read_session(key, cookie, noon + timedelta(hours=12)) is None
True
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import jwt

from roost_cloud.secret_text import new_id

__all__ = ["LIFETIME", "Session", "begun", "read_session", "session_key", "write_session"]

LIFETIME: Final = timedelta(hours=12)
_LEEWAY: Final = timedelta(minutes=1)  # for a server whose clock is a little behind another's
_ALGORITHM: Final = "HS256"
_AUDIENCE: Final = "roost-dashboard"


class Session(NamedTuple):
    """Somebody who has signed in.

    Attributes:
        id: its own, by which it can be ended before its time.
        tokens: ids of the API tokens that were shown; the first says whose things are seen.
        since: when the last was: what the session's end counts from.
    """

    id: str
    tokens: tuple[str, ...]
    since: datetime

    @property
    def expires_at(self) -> datetime:
        """When it ends, if nobody signs out before."""
        return self.since + LIFETIME


def session_key(token_key: bytes) -> bytes:
    """The key of sessions, of the deployment's key of tokens: neither's work passes for the other's."""
    return hmac.new(token_key, b"dashboard session", hashlib.sha256).digest()


def begun(tokens: Sequence[str], since: datetime) -> Session:
    """A session of whoever has shown the API tokens of these ids; to the second, as its cookie says."""
    return Session(new_id(), tuple(tokens), since.replace(microsecond=0))


def write_session(key: bytes, session: Session) -> str:
    """Its cookie."""
    first, *others = session.tokens
    payload = {
        "aud": _AUDIENCE,
        "jti": session.id,
        "iat": int(session.since.timestamp()),
        "exp": int(session.expires_at.timestamp()),
        "sub": first,
        "also": others,
    }
    return jwt.encode(payload, key, _ALGORITHM)


def read_session(key: bytes, cookie: str, now: datetime) -> Session | None:
    """Whose session it is; None if the cookie is none of ours, or no longer good."""
    # PyJWT would ask this machine's clock; ours is the one the cookie was made by.
    options: Any = {"require": ["aud", "exp", "iat", "jti", "sub"], "verify_exp": False, "verify_iat": False}
    try:
        payload = jwt.decode(cookie, key, algorithms=[_ALGORITHM], audience=_AUDIENCE, options=options)
    except jwt.InvalidTokenError:
        return None
    issued, expires = (datetime.fromtimestamp(payload[claim], UTC) for claim in ("iat", "exp"))
    tokens = (str(payload["sub"]), *map(str, payload.get("also", ())))
    return Session(str(payload["jti"]), tokens, issued) if issued - _LEEWAY <= now < expires else None
