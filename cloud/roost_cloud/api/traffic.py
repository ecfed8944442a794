"""What happens to every request, whatever its route: limits of size and time, a line in the log, figures.

Pure ASGI, so that bodies stream through.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from typing import Final, NamedTuple

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from roost_cloud.api.errors import RETRY_AFTER_S, error_response

__all__ = ["BodyLimit", "BodyLimits", "Traffic"]

log = structlog.get_logger(__name__)

_QUIET: Final = ("/healthz", "/readyz", "/metrics", "/ui/_nicegui")  # what their paths begin with


class BodyLimits(NamedTuple):
    """How much of a request is gathered before its route sees it, and for how long.

    Attributes:
        named_bytes: of a body whose sender names itself by an Authorization header.
        nameless_bytes: of any other body, and of all to `nameless_paths`.
        nameless_paths: prefixes of what is there for senders without a token.
        exempt_paths: prefixes of what has limits of its own, and passes.
        large_at_once: bodies above `nameless_bytes` held at a time, since a header is quickly made up.
        timeout_s: for a whole body to arrive, in seconds.
    """

    named_bytes: int
    nameless_bytes: int
    nameless_paths: tuple[str, ...]
    exempt_paths: tuple[str, ...]
    large_at_once: int
    timeout_s: float

    def of(self, scope: Scope) -> int:
        """The most bytes that a request's body may have."""
        named = any(name == b"authorization" for name, _ in scope["headers"])
        if named and not scope["path"].startswith(self.nameless_paths):
            return self.named_bytes
        return self.nameless_bytes


class BodyLimit:
    """Refuses bodies that are too large or too slow before they fill the memory: nobody knows yet whose they are.

    Args:
        app: what comes next.
        limits: of what is gathered.
    """

    def __init__(self, app: ASGIApp, limits: BodyLimits) -> None:
        self._app = app
        self._limits = limits
        self._large = 0  # bodies held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or scope["path"].startswith(self._limits.exempt_paths):
            await self._app(scope, receive, send)
            return
        with ExitStack() as held:
            try:
                async with asyncio.timeout(self._limits.timeout_s):
                    body = await self._gather(scope, receive, held)
            except TimeoutError:
                text = f"the body took longer than {self._limits.timeout_s:g} s"
                await _refuse(scope, send, HTTPStatus.REQUEST_TIMEOUT, "request.too_slow", text)
            except _TooLargeError as error:
                await _refuse(scope, send, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request.too_large", str(error))
            except _TooManyError as error:
                await _refuse(scope, send, HTTPStatus.SERVICE_UNAVAILABLE, "request.busy", str(error))
            else:
                if body is not None:
                    await self._app(scope, _replay(body, receive), send)

    async def _gather(self, scope: Scope, receive: Receive, held: ExitStack) -> bytes | None:
        """A request's whole body, counted in `held` if it is large; None if the client has gone."""
        limit_bytes = self._limits.of(scope)
        body = bytearray()
        is_large = False
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return None
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > limit_bytes:
                raise _TooLargeError(f"the body has more than {limit_bytes} bytes")
            if len(body) > self._limits.nameless_bytes and not is_large:
                is_large = True
                held.enter_context(self._large_body())
        return bytes(body)

    @contextmanager
    def _large_body(self) -> Iterator[None]:
        if self._large >= self._limits.large_at_once:
            raise _TooManyError("there are too many large requests at once; come again")
        self._large += 1
        try:
            yield
        finally:
            self._large -= 1


class _TooLargeError(Exception):
    """A body has more bytes than it may."""


class _TooManyError(Exception):
    """As many large bodies as may are held already."""


async def _refuse(scope: Scope, send: Send, status: HTTPStatus, code: str, text: str) -> None:
    """Answer, and end the connection: the rest of the body is not read."""
    headers = {"Connection": "close"}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    await error_response(status, code, text, headers)(scope, _nothing, send)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


class Traffic:
    """Logs every request, and counts them by what was done, never by path: there is no end of those.

    Args:
        app: what comes next.
        metrics: where the figures go.
    """

    def __init__(self, app: ASGIApp, metrics: CollectorRegistry) -> None:
        self._app = app
        self._requests = Counter("roost_http_requests", "Requests served.", ["operation", "status"], registry=metrics)
        self._seconds = Histogram(
            "roost_http_request_duration_seconds", "Time to serve.", ["operation"], registry=metrics
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = int(HTTPStatus.INTERNAL_SERVER_ERROR)

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])  # an enumeration would show by name
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            took_s = time.perf_counter() - begun
            operation = getattr(scope.get("endpoint"), "__name__", "none")  # the function that served it
            self._requests.labels(operation, status).inc()
            self._seconds.labels(operation).observe(took_s)
            if not scope["path"].startswith(_QUIET):
                log.info(
                    "request", method=scope["method"], path=scope["path"], status=status, ms=round(took_s * 1e3, 1)
                )
