"""What happens to every request, whatever its route: a size limit, a line in the log, figures.

Pure ASGI, so that bodies stream through.
"""

import time
from http import HTTPStatus
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from roost_cloud.api.errors import error_response

__all__ = ["BodyLimit", "Traffic"]

log = structlog.get_logger(__name__)

_QUIET: Final = ("/healthz", "/readyz", "/metrics")


class BodyLimit:
    """Refuses bodies above a limit before they fill the memory; paths with a limit of their own pass.

    Args:
        app: what comes next.
        limit_bytes: of a request's body.
        exempt: path prefixes.
    """

    def __init__(self, app: ASGIApp, limit_bytes: int, exempt: tuple[str, ...]) -> None:
        self._app = app
        self._limit_bytes = limit_bytes
        self._exempt = exempt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or scope["path"].startswith(self._exempt):
            await self._app(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return  # the client is gone
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._limit_bytes:
                text = f"the body has more than {self._limit_bytes} bytes"
                response = error_response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request.too_large", text)
                await response(scope, receive, send)
                return
        await self._app(scope, _replay(bytes(body), receive), send)


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
            if scope["path"] not in _QUIET:
                log.info(
                    "request", method=scope["method"], path=scope["path"], status=status, ms=round(took_s * 1e3, 1)
                )
