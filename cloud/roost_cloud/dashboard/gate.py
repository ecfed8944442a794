"""Who comes in: those with a session, by a request of this very site; and what every answer says to browsers.

Cookies are sent along by whatever page a browser is on, so a request that could change something has to say that it
comes from here: `Origin`, which no page can make up. A session's cookie is no good at the API, which takes tokens
alone.
"""

import asyncio
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from roost_cloud.dashboard.session import read_session, session_key
from roost_cloud.dashboard.visitor import STATE, Visitor, recognise
from roost_cloud.errors import UnauthenticatedError
from roost_cloud.services import Services

__all__ = ["COOKIE", "MOUNT", "Gate", "is_from_here"]

MOUNT: Final = "/ui"
COOKIE: Final = "roost_session"
_SIGN_IN: Final = f"{MOUNT}/sign-in"
_OPEN: Final = (_SIGN_IN, f"{MOUNT}/static/", f"{MOUNT}/_nicegui/", f"{MOUNT}/favicon.ico")  # what is nobody's
_SAFE: Final = frozenset({"GET", "HEAD"})
_HEADERS: Final = {
    # Scripts of pages are in them, and Vue compiles templates; neither comes from another host, nor goes to one.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Gate:
    """Lets in who has signed in, and says in the request's state who that is.

    Args:
        app: what is behind it.
        services: of the process.
    """

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services
        self._key = session_key(services.token_key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it."""
        asked = HTTPConnection(scope)
        path = scope["path"]
        scope.setdefault("state", {})["roost_services"] = self._services
        if not is_from_here(scope, self._services.settings.base_url):
            await self._refuse(PlainTextResponse("this comes from another site", HTTPStatus.FORBIDDEN), scope, send)
        elif "\0" in path or b"%00" in scope["query_string"]:  # no database keeps it, so nothing is called so
            await self._refuse(PlainTextResponse("no address of ours", HTTPStatus.BAD_REQUEST), scope, send)
        elif path.startswith(_OPEN):
            await self._app(scope, receive, _telling(send, is_page=path.startswith(_SIGN_IN)))
        elif (visitor := await self._visitor(asked)) is None:
            await self._refuse(_sign_in(scope), scope, send)
        else:
            scope["state"][STATE] = visitor
            await self._app(scope, receive, _telling(send, is_page=True))

    async def _visitor(self, asked: HTTPConnection) -> Visitor | None:
        session = read_session(self._key, asked.cookies.get(COOKIE, ""), self._services.now())
        if session is None:
            return None
        try:
            return Visitor(self._services, session, await asyncio.to_thread(recognise, self._services, session))
        except UnauthenticatedError:
            return None

    @staticmethod
    async def _refuse(response: Response, scope: Scope, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        await response(scope, _nothing, _telling(send, is_page=True))


def is_from_here(scope: Scope, base_url: str) -> bool:
    """Whether no page of another site has sent a request: by its `Origin`, which a change has to have.

    Args:
        scope: of the request.
        base_url: where others reach us, where a proxy asks us by another name.
    """
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    if origin is None:
        return scope["type"] == "http" and scope["method"] in _SAFE
    return urlsplit(origin).netloc in {headers.get("host"), urlsplit(base_url).netloc}


def _sign_in(scope: Scope) -> Response:
    """To the page that takes a token, and from there back."""
    if scope["method"] not in _SAFE if scope["type"] == "http" else True:
        return PlainTextResponse("sign in first", HTTPStatus.UNAUTHORIZED)
    query = scope["query_string"].decode("latin-1")
    asked = scope["path"] + (f"?{query}" if query else "")
    return RedirectResponse(f"{_SIGN_IN}?next={quote(asked, safe='')}", HTTPStatus.SEE_OTHER)


def _telling(send: Send, *, is_page: bool) -> Send:
    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            headers.update(_HEADERS)
            if is_page:
                headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return told


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
