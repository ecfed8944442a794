"""JSON over HTTPS with the cloud: bounded in time and size, and every fault a typed error.

Whom to believe: certificates that lead to the pinned root, or to an authority of the system's (a cloud may stand
behind a public certificate). Redirects are not followed: an API has one address.

Heavy: `urllib3` is loaded here, so this is for processes of their own (`enrol`, renewal, the spooler's), never for
the agent's.
"""

import contextlib
import ssl
import warnings
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec
import urllib3
from urllib3.exceptions import HTTPError, InsecureRequestWarning, SSLError

from roost_edge.uplink.errors import (
    CloudAnswerError,
    CloudClockError,
    CloudFailedError,
    CloudRefusedError,
    CloudUnreachableError,
)
from roost_edge.uplink.ranged_answer import RangedAnswer
from roost_shared import __version__
from roost_shared.cloud_url import check_cloud_url
from roost_shared.cloud_words import one_line, read_refusal, retry_after_s
from roost_shared.messages import UNREADABLE

__all__ = [
    "CloudAnswerError",
    "CloudClockError",
    "CloudFailedError",
    "CloudHttp",
    "CloudRefusedError",
    "CloudUnreachableError",
]

API: Final = "/api/v1"
_TIMEOUT: Final = urllib3.Timeout(connect=10, read=30)  # seconds
_LIMIT: Final = 1 << 20  # bytes of an answer
_NOT_YET_VALID, _EXPIRED = 9, 10  # X509_V_ERR_CERT_NOT_YET_VALID, _HAS_EXPIRED
_REFUSALS: Final = 400
_FAILURES: Final = 500
_TOO_MANY: Final = 429

_Answer = TypeVar("_Answer")


class CloudHttp:
    """One cloud's API.

    Args:
        url: the cloud's address.
        root_pem: the pinned root (PEM); None to believe whoever answers, which is right only for asking what
            its root is, to compare that with a fingerprint.

    Raises:
        CloudUrlError: `url` is no address of a cloud.
        CloudAnswerError: `root_pem` is no certificate.
    """

    def __init__(self, url: str, root_pem: bytes | None) -> None:
        self.url = check_cloud_url(url)
        self.server_time: datetime | None = None  # the cloud's clock, by its last answer
        self._pinned = root_pem is not None
        self.pool = urllib3.PoolManager(
            ssl_context=_tls_context(root_pem) if self.url.startswith("https:") else None,
            timeout=_TIMEOUT,
            retries=False,
            headers={"User-Agent": f"roost-agent/{__version__}", "Accept": "application/json"},
        )

    def call(
        self, method: str, path: str, kind: type[_Answer], *, body: Any = None, token: str | None = None
    ) -> _Answer:
        """Ask, and read the answer's JSON as `kind`.

        Args:
            method: GET, POST…
            path: below /api/v1, from its slash on.
            kind: what msgspec shall make of the answer.
            body: what msgspec shall make JSON of; None for none.
            token: to show as bearer.

        Raises:
            CloudUnreachableError: no whole answer came; the request may have been carried out.
            CloudRefusedError: the cloud said no; `CloudFailedError` if it may say yes later.
            CloudAnswerError: the answer cannot be read.
        """
        data = self.fetch(method, path, body=body, token=token)
        try:
            return msgspec.json.decode(data, type=kind)
        except UNREADABLE as error:
            raise CloudAnswerError(f"{method} {self.url}{API}{path}: the answer cannot be read: {error}") from error

    def fetch(
        self, method: str, path: str, *, body: Any = None, token: str | None = None, limit_bytes: int = _LIMIT
    ) -> bytes:
        """Ask, and return the answer's bytes, at most `limit_bytes`.

        Raises:
            CloudUnreachableError, CloudRefusedError, CloudAnswerError: as `call` does.
        """
        where = f"{method} {self.url}{API}{path}"
        headers = dict(self.pool.headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        with _network(where, self.url):
            reply = self._send(method, f"{self.url}{API}{path}", headers, body)
            try:
                data = reply.read(limit_bytes + 1)
            finally:
                reply.close()
        self._note_time(reply.headers.get("Date"))
        if len(data) > limit_bytes:
            raise CloudAnswerError(f"{where}: the answer is larger than {limit_bytes} bytes")
        if reply.status >= _REFUSALS:
            raise _refusal(reply.status, data, reply.headers)
        if not 200 <= reply.status < 300:  # noqa: PLR2004 - HTTP's range of success
            raise CloudAnswerError(f"{where}: HTTP status {reply.status}; is this the cloud's own address?")
        return data

    def put_signed(self, url: str, size_bytes: int, chunks: Iterable[bytes]) -> None:
        """PUT bytes to a signed URL, as they are made; no token goes there. What `chunks` raises comes out as it is.

        Args:
            url: the object store's, or the cloud's that stands in for it.
            size_bytes: of all chunks together.
            chunks: the bytes.

        Raises:
            CloudUnreachableError, CloudRefusedError, CloudAnswerError: as `call` does; the reason may be S3's.
        """
        where = f"PUT {urlsplit(url)._replace(query='').geturl()}"  # the signature is as good as a password
        headers = {"User-Agent": self.pool.headers["User-Agent"], "Content-Length": str(size_bytes)}
        with _network(where):
            reply = self.pool.request("PUT", url, body=chunks, headers=headers, redirect=False, preload_content=False)
            try:
                data = reply.read(_LIMIT)
            finally:
                reply.close()
        if reply.status >= _REFUSALS:
            raise _refusal(reply.status, data, reply.headers)
        if not 200 <= reply.status < 300:  # noqa: PLR2004 - HTTP's range of success
            raise CloudAnswerError(f"{where}: HTTP status {reply.status}; a signed URL leads nowhere else")

    def get_signed(self, url: str, offset: int) -> RangedAnswer:
        """GET what a signed URL leads to, from `offset` on; no token goes there. Close the answer.

        Raises:
            CloudUnreachableError, CloudRefusedError, CloudAnswerError: as `call` does; the reason may be S3's.
        """
        where = f"GET {urlsplit(url)._replace(query='').geturl()}"
        headers = {"User-Agent": self.pool.headers["User-Agent"], "Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        with _network(where):
            reply = self.pool.request("GET", url, headers=headers, redirect=False, preload_content=False)
            data = reply.read(_LIMIT) if reply.status >= _REFUSALS else b""
        if reply.status >= _REFUSALS:
            reply.close()
            raise _refusal(reply.status, data, reply.headers)
        try:
            return RangedAnswer(reply, where)
        except BaseException:
            reply.close()
            raise

    def _send(self, method: str, url: str, headers: dict[str, str], body: Any) -> urllib3.BaseHTTPResponse:
        data = None if body is None else msgspec.json.encode(body)
        with warnings.catch_warnings():
            if not self._pinned:
                warnings.simplefilter("ignore", InsecureRequestWarning)  # we were told to believe whoever answers
            return self.pool.request(method, url, body=data, headers=headers, redirect=False, preload_content=False)

    def _note_time(self, date: str | None) -> None:
        with contextlib.suppress(TypeError, ValueError):  # none, or no date: then the cloud did not say
            self.server_time = parsedate_to_datetime(date or "").astimezone(UTC)


def _tls_context(root_pem: bytes | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if root_pem is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        context.load_verify_locations(cadata=root_pem.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError) as error:
        raise CloudAnswerError("the cloud's root certificate cannot be used") from error
    return context


@contextlib.contextmanager
def _network(where: str, whom: str | None = None) -> Iterator[None]:
    """What goes wrong with the network within, as an error of ours.

    Args:
        where: what is asked.
        whom: whose certificate something may be wrong with; None: as `where` says.
    """
    try:
        yield
    except SSLError as error:
        raise _tls_fault(whom or where, error) from error
    except (HTTPError, OSError) as error:
        raise CloudUnreachableError(f"{where}: {one_line(error)}") from error


def _tls_fault(url: str, error: SSLError) -> CloudUnreachableError:
    cause = error.args[0] if error.args else None
    if isinstance(cause, ssl.SSLCertVerificationError) and cause.verify_code in (_NOT_YET_VALID, _EXPIRED):
        when = datetime.now(UTC).isoformat(timespec="seconds")
        return CloudClockError(
            f"{url}: {cause.verify_message} by this device's clock, which says {when}: is that right?"
        )
    if isinstance(cause, ssl.SSLCertVerificationError):
        return CloudUnreachableError(f"{url}: we do not know who answers there: {cause.verify_message}")
    return CloudUnreachableError(f"{url}: TLS: {one_line(error)}")


def _refusal(status: int, data: bytes, headers: Mapping[str, str]) -> CloudRefusedError:
    kind = CloudFailedError if status >= _FAILURES or status == _TOO_MANY else CloudRefusedError
    code, text = read_refusal(data) or ("", "no word on why")
    return kind(status, code, text, retry_after_s(headers))
