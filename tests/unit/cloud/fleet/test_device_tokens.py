from datetime import UTC, datetime, timedelta

import jwt
import pytest

from roost_cloud.errors import UnauthenticatedError
from roost_cloud.fleet.device_tokens import TOKEN_LIFETIME, DeviceClaims, new_token, read_token

KEY = 32 * b"k"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
CLAIMS = DeviceClaims(tenant="acme", device="cam-01", serial="1f", scope="renew")


@pytest.mark.parametrize("later", [-timedelta(seconds=59), timedelta(0), TOKEN_LIFETIME - timedelta(seconds=1)])
def test_token_says_who_for_a_quarter_of_an_hour(later: timedelta) -> None:
    assert read_token(KEY, new_token(KEY, CLAIMS, NOON), NOON + later) == CLAIMS


@pytest.mark.parametrize("later", [-timedelta(hours=1), -timedelta(seconds=61), TOKEN_LIFETIME, timedelta(days=9999)])
def test_token_says_nothing_before_and_after(later: timedelta) -> None:
    with pytest.raises(UnauthenticatedError, match="expired"):
        read_token(KEY, new_token(KEY, CLAIMS, NOON), NOON + later)


@pytest.mark.parametrize("name", ["aud", "exp", "iat", "tenant", "device", "serial", "scope"])
def test_token_that_lacks_something_is_none(name: str) -> None:
    payload = jwt.decode(new_token(KEY, CLAIMS, NOON), options={"verify_signature": False})
    del payload[name]
    with pytest.raises(UnauthenticatedError):
        read_token(KEY, jwt.encode(payload, KEY, "HS256"), NOON)


def test_token_by_another_key_is_none() -> None:
    with pytest.raises(UnauthenticatedError):
        read_token(KEY, new_token(32 * b"x", CLAIMS, NOON), NOON)
