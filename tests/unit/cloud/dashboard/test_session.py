from datetime import UTC, datetime, timedelta

import jwt
import pytest

from roost_cloud.dashboard.session import LIFETIME, begun, read_session, session_key, write_session
from roost_cloud.fleet.device_tokens import DeviceClaims, new_token

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
SECRET = 32 * b"k"
KEY = session_key(SECRET)
TOKEN = "0123456789abcdef"
OTHER = "fedcba9876543210"


def test_a_session_lasts_twelve_hours() -> None:
    session = begun([TOKEN, OTHER], NOON)
    cookie = write_session(KEY, session)
    assert read_session(KEY, cookie, NOON + LIFETIME - timedelta(seconds=1)) == session
    assert (session.tokens, session.expires_at) == ((TOKEN, OTHER), NOON + LIFETIME)
    assert read_session(KEY, cookie, NOON + LIFETIME) is None


def test_no_two_sessions_are_the_same() -> None:
    assert begun([TOKEN], NOON).id != begun([TOKEN], NOON).id


def test_a_session_from_the_future_is_none() -> None:
    assert read_session(KEY, write_session(KEY, begun([TOKEN], NOON + timedelta(hours=1))), NOON) is None


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "x.y.z",
        write_session(session_key(32 * b"o"), begun([TOKEN], NOON)),
        new_token(SECRET, DeviceClaims(tenant="acme", device="cam-01", serial="1f", scope="device"), NOON),
        new_token(KEY, DeviceClaims(tenant="acme", device="cam-01", serial="1f", scope="device"), NOON),
        jwt.encode({"aud": "roost-dashboard", "iat": 0, "exp": 2**40, "sub": TOKEN, "jti": "1"}, "", algorithm="none"),
        jwt.encode({"aud": "roost-dashboard", "iat": 0, "exp": 2**40, "sub": TOKEN}, KEY, algorithm="HS256"),
    ],
)
def test_what_is_no_cookie_of_ours_is_nobody_s(cookie: str) -> None:
    assert read_session(KEY, cookie, NOON) is None


def test_a_session_s_cookie_is_no_token_of_a_device_s() -> None:
    with pytest.raises(jwt.InvalidTokenError):
        jwt.decode(write_session(KEY, begun([TOKEN], NOON)), SECRET, algorithms=["HS256"], audience="roost-device")
