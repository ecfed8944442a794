"""The cloud's API as the `roost` command uses it: time-outs, retries where they do no harm, and typed errors.

    with ApiClient(credentials) as cloud:
        device = cloud.get("/devices/cam-01", Device)
        for token in cloud.each("/tokens", Token): ...
        cloud.call("POST", "/tokens", IssuedToken, body={"name": "ci", "role": "operator"})

Requests that change nothing if they come twice (GET, HEAD, PUT, DELETE) are sent again, a few times, when no answer
came or the cloud could not answer just now. What a DELETE sent again does not find is gone, most likely by the first
time, and that is success. Redirects are not followed: `send` hands them out, since whoever follows
one must not carry the token to another host.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Generic, Self, TypeVar
from urllib.parse import urlencode

import msgspec

from roost_cloud.client.errors import ApiAnswerError
from roost_cloud.client.exchange import API, REFUSALS, Reply, exchange, open_pool, refusal, trusting
from roost_cloud.client.root import fingerprint_of
from roost_cloud.credentials import Credentials
from roost_shared.messages import UNREADABLE

__all__ = ["ApiClient", "Page"]

_Answer = TypeVar("_Answer")


class Page(msgspec.Struct, Generic[_Answer], frozen=True):
    """A part of a list."""

    items: list[_Answer]
    next: str | None = None  # what to ask for the next part with; None: this was the last


class ApiClient:
    """One cloud, as one person or program.

    Args:
        credentials: where it is, what to show, and whom to believe.

    Attributes:
        url: the cloud's address.
        pool: connections without a token, for the signed URLs the cloud gives out.
        authorization: the header that carries the token, for whoever asks the cloud in another way.
    """

    def __init__(self, credentials: Credentials) -> None:
        self.url = credentials.url
        # To read the system's authorities takes longer than a request: without a context, urllib3 waits till it must.
        is_plain = credentials.ca_pem is None and self.url.startswith("http:")
        self.pool = open_pool(None if is_plain else trusting(credentials.ca_pem))
        self._pins_root = credentials.ca_pem is not None
        self.authorization = {"Authorization": f"Bearer {credentials.token}"}
        self._headers = {**self.authorization, "Accept": "application/json"}

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Let go of all connections."""
        self.pool.clear()

    def get(self, path: str, kind: type[_Answer], *, query: Mapping[str, Any] | None = None) -> _Answer:
        """Ask for something; see `call`."""
        return self.call("GET", path, kind, query=query)

    def each(self, path: str, kind: type[_Answer], *, query: Mapping[str, Any] | None = None) -> Iterator[_Answer]:
        """All of a list, page by page; see `call`."""
        after: str | None = None
        while True:
            page = self.get(path, Page[kind], query={**(query or {}), "after": after})  # type: ignore[valid-type]  # msgspec reads it at run time
            yield from page.items
            after = page.next
            if after is None:
                return

    def call(
        self, method: str, path: str, kind: type[_Answer], *, body: Any = None, query: Mapping[str, Any] | None = None
    ) -> _Answer:
        """Ask, and read the answer's JSON as `kind`.

        Args:
            method: GET, POST…
            path: below /api/v1, from its slash on, its parts quoted.
            kind: what msgspec shall make of the answer; `type(None)` where there is none.
            body: what msgspec shall make JSON of; None for none.
            query: parameters; those that are None are left out, a list is repeated.

        Raises:
            RemoteError: the cloud said no.
            ApiUnreachableError: no whole answer came; the request may have been carried out.
            ApiAnswerError: the answer cannot be read.
        """
        data = None if body is None else msgspec.json.encode(body)
        reply = self.send(method, path, data, query=query)
        if kind is type(None):
            return kind()
        try:
            return msgspec.json.decode(reply.data, type=kind)
        except UNREADABLE as error:
            raise ApiAnswerError(f"{method} {path}: the answer cannot be read: {error}") from error

    def pinned_root(self) -> str | None:
        """The fingerprint by which others can tell the cloud; None where an authority of the system's vouches for it.

        Raises:
            RemoteError, ApiUnreachableError: as `call` does.
            ApiAnswerError: the cloud shows no certificate.
        """
        if not self._pins_root:
            return None
        try:
            return fingerprint_of(self.send("GET", "/ca").data.decode("ascii"))
        except ValueError as error:
            raise ApiAnswerError(f"{self.url} shows no root certificate") from error

    def send(
        self,
        method: str,
        path: str,
        data: bytes | None = None,
        *,
        content_type: str = "application/json",
        query: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Ask with a body of bytes, and return the answer as it came, redirects too.

        Raises:
            RemoteError, ApiUnreachableError: as `call` does.
            ApiAnswerError: the answer is larger than 16 MiB.
        """
        headers = self._headers if data is None else {**self._headers, "Content-Type": content_type}
        asked = [(name, value) for name, value in (query or {}).items() if value is not None]
        url = f"{self.url}{API}{path}" + (f"?{urlencode(asked, doseq=True)}" if asked else "")
        reply = exchange(self.pool, method, url, data, headers)
        if method == "DELETE" and reply.was_retried and reply.status == HTTPStatus.NOT_FOUND:
            return Reply(HTTPStatus.NO_CONTENT, reply.headers, b"", was_retried=True)
        if reply.status >= REFUSALS:
            raise refusal(reply)
        return reply
