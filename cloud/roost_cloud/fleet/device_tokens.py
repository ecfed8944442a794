"""The short tokens of devices: JWTs that say whose key has signed in, judged by the server's clock. Pure.

>>> from datetime import UTC, datetime
>>> key, now = 32 * b"k", datetime(2026, 11, 24, tzinfo=UTC)
>>> claims = DeviceClaims(tenant="acme", device="cam-01", serial="1f", scope="device")
>>> read_token(key, new_token(key, claims, now), now) == claims
True
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import jwt

from roost_cloud.errors import UnauthenticatedError

__all__ = ["TOKEN_LIFETIME", "DeviceClaims", "Scope", "new_token", "read_token"]

Scope = Literal["device", "renew"]  # renew: all that the key of an expired certificate may

TOKEN_LIFETIME: Final = timedelta(minutes=15)
_LEEWAY: Final = timedelta(minutes=1)  # for a server whose clock is a little behind another's
_ALGORITHM: Final = "HS256"
_AUDIENCE: Final = "roost-device"
_CLAIMS: Final = ["aud", "exp", "iat", "tenant", "device", "serial", "scope"]


@dataclass(frozen=True, kw_only=True)
class DeviceClaims:
    """What a token says: which certificate of which device its bearer has the key of."""

    tenant: str
    device: str
    serial: str
    scope: Scope


def new_token(key: bytes, claims: DeviceClaims, now: datetime) -> str:
    """Sign a token that is good for `TOKEN_LIFETIME`."""
    payload = {
        "aud": _AUDIENCE,
        "iat": int(now.timestamp()),
        "exp": int((now + TOKEN_LIFETIME).timestamp()),
        "tenant": claims.tenant,
        "device": claims.device,
        "serial": claims.serial,
        "scope": claims.scope,
    }
    return jwt.encode(payload, key, _ALGORITHM)


def read_token(key: bytes, text: str, now: datetime) -> DeviceClaims:
    """Read a token.

    Raises:
        UnauthenticatedError: it is none of ours, or has expired. One from the future is refused too: after the
            server's clock was set back, it would be good for too long.
    """
    # PyJWT would ask this machine's clock; ours is the one the token was made by.
    options: Any = {"require": _CLAIMS, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
    try:
        payload = jwt.decode(text, key, algorithms=[_ALGORITHM], audience=_AUDIENCE, options=options)
    except jwt.InvalidTokenError as error:
        raise UnauthenticatedError("this is no token of a device") from error
    issued, expires = (datetime.fromtimestamp(payload[claim], UTC) for claim in ("iat", "exp"))
    if not issued - _LEEWAY <= now < expires:
        raise UnauthenticatedError("the token has expired: sign in again")
    return DeviceClaims(
        tenant=payload["tenant"], device=payload["device"], serial=payload["serial"], scope=payload["scope"]
    )
