import pytest
from starlette.types import Scope

from roost_cloud.dashboard.gate import is_from_here

BASE = "https://roost.example:8443"


def scope(kind: str = "http", method: str = "GET", *, origin: str | None = None, host: str = "127.0.0.1:80") -> Scope:
    headers = [(b"host", host.encode())]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    return {"type": kind, "method": method, "headers": headers}


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(scope(), id="a link"),
        pytest.param(scope(method="POST", origin="http://127.0.0.1:80"), id="a form of ours"),
        pytest.param(scope("websocket", origin="http://127.0.0.1:80"), id="a socket of ours"),
        pytest.param(scope(method="POST", origin=BASE, host="inside:80"), id="behind a proxy"),
    ],
)
def test_what_a_page_of_ours_sends_is_let_in(asked: Scope) -> None:
    assert is_from_here(asked, BASE)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(scope(method="POST"), id="a form that does not say where it is from"),
        pytest.param(scope(method="POST", origin="null"), id="a form in a sandbox"),
        pytest.param(scope(method="POST", origin="https://evil.example"), id="a form of another site"),
        pytest.param(scope(method="POST", origin="http://127.0.0.1:81"), id="a form of another port"),
        pytest.param(scope("websocket", origin="https://evil.example"), id="a socket of another site"),
        pytest.param(scope("websocket"), id="a socket that does not say where it is from"),
        pytest.param(scope(origin="https://evil.example"), id="polling by another site"),
    ],
)
def test_what_another_site_s_page_sends_is_not(asked: Scope) -> None:
    assert not is_from_here(asked, BASE)
