"""One request over HTTP and its answer, as it came: time-outs, retries where they do no harm, and typed errors.

Of the API it knows where it lies and how it words a refusal; whose token goes along is not its business.
"""

import functools
import ssl
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from roost_cloud.client.errors import ApiAnswerError, ApiUnreachableError, RemoteError
from roost_shared import __version__
from roost_shared.cloud_words import one_line, read_refusal, retry_after_s

__all__ = ["API", "REFUSALS", "Reply", "exchange", "open_pool", "refusal", "trusting"]

API: Final = "/api/v1"  # below a cloud's address
REFUSALS: Final = 400  # the first status that is one
_TIMEOUT: Final = urllib3.Timeout(connect=10, read=60)  # seconds
_AT_ONCE: Final = 8  # connections kept for a command with several threads
_AGAIN: Final = 3  # times a request is sent once more
_BACKOFF_S: Final = 0.2
_LONGEST_WAIT_S: Final = 30  # that a cloud may ask us to come back in
_BUSY: Final = (502, 503, 504)
_ANSWER_MAX_BYTES: Final = 16 << 20


class Reply(NamedTuple):
    """An answer as it came.

    Attributes:
        status: HTTP's; below 400 where `ApiClient` hands it out.
        headers: their names in any case.
        data: the body.
        was_retried: the request was sent more than once.
    """

    status: int
    headers: Mapping[str, str]
    data: bytes
    was_retried: bool = False


@functools.lru_cache(maxsize=4)
def trusting(ca_pem: str | None) -> ssl.SSLContext:
    """The system's authorities and the cloud's own: it may stand behind a public certificate, as its objects may.

    Clients share it, for there are many authorities: to read them takes 27 ms of the processor's.
    """
    context = ssl.create_default_context()
    if ca_pem is not None:
        context.load_verify_locations(cadata=ca_pem)
    return context


def open_pool(context: ssl.SSLContext | None) -> urllib3.PoolManager:
    """Connections that send again what does no harm if it comes twice.

    Args:
        context: whom to believe; None: the system's authorities, read once they are needed.
    """
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


def exchange(
    pool: urllib3.PoolManager, method: str, url: str, data: bytes | None, headers: Mapping[str, str]
) -> Reply:
    """Send a request, more than once where that does no harm, and take its answer whole.

    Returns:
        The answer, of any status.

    Raises:
        ApiUnreachableError: no whole answer came; the request may have been carried out.
        ApiAnswerError: the answer is larger than 16 MiB.
    """
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
