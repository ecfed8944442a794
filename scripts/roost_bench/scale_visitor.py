"""A person with the dashboard open, as far as HTTP goes: the cloud makes the page, and nobody draws it."""

import time
from typing import Final
from urllib.parse import urlencode

import urllib3

__all__ = ["ScaleVisitor"]

_TIMEOUT_S: Final = 60.0
_SIGN_IN: Final = "/ui/sign-in"


class ScaleVisitor:
    """Signed in from its construction on.

    Args:
        url: of the role `dashboard`.
        token: of a tenant.

    Raises:
        RuntimeError: the token is not taken.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._http = urllib3.PoolManager(retries=False)
        headers = {"Origin": url, "Content-Type": "application/x-www-form-urlencoded"}
        said = self._ask("POST", _SIGN_IN, headers, urlencode({"token": token}))
        if "Set-Cookie" not in said.headers:
            raise RuntimeError(f"{_SIGN_IN}: {said.status}, and no session")
        self._cookie = {"Cookie": said.headers["Set-Cookie"].partition(";")[0]}

    def look_ms(self, path: str, shows: str) -> float:
        """How long a page takes to come, in milliseconds.

        Args:
            path: of the page.
            shows: what is on it if it is well.

        Raises:
            RuntimeError: it is not.
        """
        began_s = time.perf_counter()
        page = self._ask("GET", path, self._cookie)
        took_ms = (time.perf_counter() - began_s) * 1e3
        if page.status != 200 or shows.encode() not in page.data:  # noqa: PLR2004 - well
            raise RuntimeError(f"{path}: {page.status}, without {shows!r}")
        return took_ms

    def _ask(self, method: str, path: str, headers: dict[str, str], body: str = "") -> urllib3.BaseHTTPResponse:
        return self._http.request(
            method, self._url + path, headers=headers, body=body or None, timeout=_TIMEOUT_S, redirect=False
        )
