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

import functools
import ssl
import warnings
from collections.abc import Iterator, Mapping
from hashlib import sha256
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Generic, NamedTuple, Self, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec
import urllib3
from urllib3.exceptions import HTTPError, InsecureRequestWarning, SSLError

from roost_cloud.credentials import Credentials
from roost_shared import __version__
from roost_shared.cloud_words import RefusalError, one_line, read_refusal, retry_after_s
from roost_shared.errors import ContentError, TransportError
from roost_shared.messages import UNREADABLE

__all__ = [
    "API",
    "ApiAnswerError",
    "ApiClient",
    "ApiUnreachableError",
    "CaMismatchError",
    "Page",
    "RemoteError",
    "Reply",
    "fetch_root",
    "refusal",
]

API: Final = "/api/v1"
_TIMEOUT: Final = urllib3.Timeout(connect=10, read=60)  # seconds
_AT_ONCE: Final = 8  # connections kept for a command with several threads
_AGAIN: Final = 3  # times a request is sent once more
_BACKOFF_S: Final = 0.2
_LONGEST_WAIT_S: Final = 30  # that a cloud may ask us to come back in
_BUSY: Final = (502, 503, 504)
_ANSWER_MAX_BYTES: Final = 16 << 20
_REFUSALS: Final = 400

_Answer = TypeVar("_Answer")


class ApiUnreachableError(TransportError):
    """No answer: the name, the network or TLS failed, or the connection ended too early."""

    code = "cloud.unreachable"


class ApiAnswerError(TransportError):
    """The answer is not what the API says."""

    code = "cloud.answer"


class CaMismatchError(ContentError):
    """The cloud's root certificate is not the one that was asked for: somebody else may be answering."""

    code = "cloud.ca_mismatch"


class RemoteError(RefusalError):
    """The cloud understood, and said no or could not."""


class Reply(NamedTuple):
    """An answer as it came.

    Attributes:
        status: below 400.
        headers: their names in any case.
        data: the body.
        was_retried: the request was sent more than once.
    """

    status: int
    headers: Mapping[str, str]
    data: bytes
    was_retried: bool = False


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
        self.pool = _pool(None if is_plain else _trusting(credentials.ca_pem))
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
            return _fingerprint(self.send("GET", "/ca").data.decode("ascii"))
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
        reply = _ask(self.pool, method, url, data, headers)
        if method == "DELETE" and reply.was_retried and reply.status == HTTPStatus.NOT_FOUND:
            return Reply(HTTPStatus.NO_CONTENT, reply.headers, b"", was_retried=True)
        if reply.status >= _REFUSALS:
            raise refusal(reply)
        return reply


def fetch_root(url: str, fingerprint: str) -> str:
    """A cloud's root certificate, believed because its fingerprint is known.

    Args:
        url: the cloud's address.
        fingerprint: `sha256:` and the hex digest of the certificate's DER.

    Returns:
        The certificate, PEM.

    Raises:
        CaMismatchError: the certificate is another, or none.
        RemoteError, ApiUnreachableError: as `ApiClient.call` does.
    """
    unverified = ssl.create_default_context()
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    pool = _pool(unverified)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureRequestWarning)  # the fingerprint vouches for it
            reply = _ask(pool, "GET", f"{url}{API}/ca", None, {})
    finally:
        pool.clear()
    if reply.status >= _REFUSALS:
        raise refusal(reply)
    try:
        pem = reply.data.decode("ascii")
        found = _fingerprint(pem)
    except ValueError as error:
        raise CaMismatchError(f"{url} shows no root certificate: is it a cloud of Roost's?") from error
    if found != fingerprint.strip().lower():
        raise CaMismatchError(f"the root certificate of {url} has the fingerprint {found}, not {fingerprint}")
    return pem


def _fingerprint(pem: str) -> str:
    """`sha256:` and the hex digest of a certificate's DER.

    Raises:
        ValueError: it is none.
    """
    return f"sha256:{sha256(ssl.PEM_cert_to_DER_cert(pem.strip())).hexdigest()}"


@functools.lru_cache(maxsize=4)
def _trusting(ca_pem: str | None) -> ssl.SSLContext:
    """The system's authorities and the cloud's own: it may stand behind a public certificate, as its objects may.

    Clients share it, for there are many authorities: to read them takes 27 ms of the processor's.
    """
    context = ssl.create_default_context()
    if ca_pem is not None:
        context.load_verify_locations(cadata=ca_pem)
    return context


def _pool(context: ssl.SSLContext | None) -> urllib3.PoolManager:
    again = urllib3.Retry(
        _AGAIN,
        redirect=False,
        status_forcelist=_BUSY,
        backoff_factor=_BACKOFF_S,
        raise_on_status=False,
        retry_after_max=_LONGEST_WAIT_S,
    )
    return urllib3.PoolManager(
        maxsize=_AT_ONCE,
        ssl_context=context,
        timeout=_TIMEOUT,
        retries=again,
        headers={"User-Agent": f"roost/{__version__}"},
    )


def _ask(pool: urllib3.PoolManager, method: str, url: str, data: bytes | None, headers: Mapping[str, str]) -> Reply:
    where = f"{method} {urlsplit(url)._replace(query='').geturl()}"
    try:
        answer = pool.request(
            method, url, body=data, headers={**pool.headers, **headers}, redirect=False, preload_content=False
        )
        try:
            body = answer.read(_ANSWER_MAX_BYTES + 1)
            if len(body) > _ANSWER_MAX_BYTES:
                answer.close()  # its end is not waited for
                raise ApiAnswerError(f"{where}: the answer is larger than {_ANSWER_MAX_BYTES} bytes")
            was_retried = answer.retries is not None and bool(answer.retries.history)
            reply = Reply(answer.status, answer.headers, body, was_retried)
        finally:
            answer.drain_conn()
            answer.release_conn()
    except SSLError as error:
        raise _tls_fault(where, error) from error
    except (HTTPError, OSError) as error:
        cause = getattr(error, "reason", None) or error
        if isinstance(cause, SSLError):
            raise _tls_fault(where, cause) from error
        raise ApiUnreachableError(f"{where}: {one_line(error)}") from error
    return reply


def _tls_fault(where: str, error: SSLError) -> ApiUnreachableError:
    cause = error.args[0] if error.args else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        remedy = "log in with --ca-fingerprint or --cafile if its certificate is by its own root"
        return ApiUnreachableError(f"{where}: we do not know who answers: {cause.verify_message}; {remedy}")
    return ApiUnreachableError(f"{where}: TLS: {one_line(error)}")


def refusal(reply: Reply) -> RemoteError:
    """The error that an answer of status 400 or more tells."""
    code, text = read_refusal(reply.data) or ("", "no word on why: is this the cloud's own address?")
    return RemoteError(reply.status, code, text, retry_after_s(reply.headers))
