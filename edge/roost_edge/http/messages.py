"""A request and a response of HTTP, as far as the agent looks at them."""

from collections.abc import Mapping
from typing import Final

import msgspec

__all__ = ["Head", "Request", "Response", "refusal"]

_JSON: Final = {"content-type": "application/json"}


class Head(msgspec.Struct, frozen=True):
    """What comes before a request's body.

    Attributes:
        method: as the client wrote it; HTTP's own are in upper case.
        target: path and query, as the client wrote them.
        headers: names in lower case; of one that comes twice the values, joined by a comma.
        host: the client's address.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    host: str


class Request(msgspec.Struct, frozen=True):
    """A whole request."""

    head: Head
    body: bytearray


class Response(msgspec.Struct, frozen=True):
    """A whole response; names of headers in lower case, the body's length not among them."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def refusal(status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None) -> Response:
    """A response that says why there is no better one, as `error` for a person and `code` for programs."""
    body = msgspec.json.encode({"error": message, "code": code})
    return Response(status, {**_JSON, **(headers or {})}, body)
