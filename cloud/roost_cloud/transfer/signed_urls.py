"""Bytes to and from signed URLs: the object store's own, or the cloud's that stand in for it. No token goes there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from roost_cloud.client import ApiAnswerError, ApiUnreachableError, Reply, refusal

__all__ = ["EXPIRED", "GONE", "UNSATISFIABLE", "get_from", "put_bytes"]

EXPIRED: Final = 403  # also how S3 says so
GONE: Final = 404
UNSATISFIABLE: Final = 416  # a range that begins behind the object's end
_CHUNK_BYTES: Final = 256 << 10
_REFUSALS: Final = 400
_PARTIAL: Final = 206
_TIMEOUT: Final = urllib3.Timeout(connect=10, read=60)  # seconds, of silence
_ERROR_BYTES: Final = 64 << 10


def put_bytes(pool: urllib3.PoolManager, url: str, data: bytes) -> None:
    """PUT a part's bytes.

    Raises:
        RemoteError: the store said no: `EXPIRED`, `GONE`, or why.
        ApiUnreachableError: no answer came; send them again.
    """
    with _answer(pool, "PUT", url, data, {"Content-Length": str(len(data))}):
        pass


def get_from(pool: urllib3.PoolManager, url: str, offset: int, size_bytes: int) -> Iterator[bytes]:
    """GET an object's bytes from `offset` on, in chunks.

    Args:
        pool: connections.
        url: signed.
        offset: below `size_bytes`.
        size_bytes: of the whole object; more than that is never handed out.

    Raises:
        RemoteError, ApiUnreachableError: as `put_bytes`; also when it ends too early.
        ApiAnswerError: the answer is another range than was asked for, or goes on behind the end.
    """
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    with _answer(pool, "GET", url, None, headers) as answer:
        if offset and not _begins_at(answer, offset):
            raise ApiAnswerError(f"{_shown(url)}: bytes from {offset} on were asked for, and others came")
        left_bytes = size_bytes - offset
        for chunk in answer.stream(_CHUNK_BYTES, decode_content=False):
            left_bytes -= len(chunk)
            if left_bytes < 0:
                raise ApiAnswerError(f"{_shown(url)}: more than {size_bytes} bytes came")
            yield chunk
    if left_bytes:
        raise ApiUnreachableError(f"{_shown(url)}: it ended {left_bytes} bytes too early")


@contextmanager
def _answer(
    pool: urllib3.PoolManager, method: str, url: str, data: bytes | None, headers: dict[str, str]
) -> Iterator[urllib3.BaseHTTPResponse]:
    """An answer below 400, its body unread. Nothing is tried again here: whoever asks knows what already arrived."""
    try:
        answer = pool.request(
            method,
            url,
            body=data,
            headers={**pool.headers, **headers},
            preload_content=False,
            redirect=False,
            retries=False,
            timeout=_TIMEOUT,
        )
        try:
            _check(answer)
            yield answer
            answer.drain_conn()
            answer.release_conn()
        except BaseException:
            answer.close()  # a connection whose answer was not read to its end carries no other
            raise
    except (HTTPError, OSError) as error:
        raise ApiUnreachableError(f"{method} {_shown(url)}: {type(error).__name__}: {error}") from error


def _check(answer: urllib3.BaseHTTPResponse) -> None:
    if answer.status >= _REFUSALS:
        raise refusal(Reply(answer.status, answer.headers, answer.read(_ERROR_BYTES)))


def _begins_at(answer: urllib3.BaseHTTPResponse, offset: int) -> bool:
    return answer.status == _PARTIAL and answer.headers.get("Content-Range", "").startswith(f"bytes {offset}-")


def _shown(url: str) -> str:
    """Without the signature, which is as good as a password."""
    return urlsplit(url)._replace(query="").geturl()
