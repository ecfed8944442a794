"""Bytes of objects as answers: the whole or one range, streamed by threads, and never a page of ours."""

from functools import partial
from http import HTTPStatus
from typing import Any, Final

from fastapi import Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from roost_cloud.api.errors import error_response
from roost_cloud.objects import ObjectReader
from roost_cloud.objects.errors import UnsatisfiableRangeError

__all__ = ["BYTES", "HEADERS", "sending", "unsatisfiable"]

_READ_BYTES: Final = 256 << 10
_MEDIA_TYPE: Final = "application/octet-stream"
BYTES: Final[dict[str, Any]] = {_MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}
# What people's browsers fetch from here is data.
HEADERS: Final = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, no-store",
    "Content-Disposition": "attachment",
    "X-Content-Type-Options": "nosniff",
}


class _Sending(StreamingResponse):
    """Sends what a reader gives, and closes it however that ends."""

    def __init__(self, reader: ObjectReader, status: HTTPStatus, headers: dict[str, str]) -> None:
        super().__init__(iter(partial(reader.read, _READ_BYTES), b""), status, headers, _MEDIA_TYPE)
        self._reader = reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._reader.close()


def sending(reader: ObjectReader, found: tuple[int, int] | None, size_bytes: int) -> Response:
    """The answer.

    Args:
        reader: of the range, or of the whole; it is closed after that.
        found: the range that was asked for; None for the whole.
        size_bytes: of the whole.
    """
    start, stop = found or (0, size_bytes)
    headers = {**HEADERS, "Content-Length": str(stop - start)}
    if found is None:
        return _Sending(reader, HTTPStatus.OK, headers)
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size_bytes}"
    return _Sending(reader, HTTPStatus.PARTIAL_CONTENT, headers)


def unsatisfiable(error: UnsatisfiableRangeError) -> Response:
    """The answer where a range has none of the bytes."""
    headers = {"Content-Range": f"bytes */{error.size_bytes}"}
    return error_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, error.code, str(error), headers)
