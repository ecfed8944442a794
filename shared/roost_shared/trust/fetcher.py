"""TUF's network: urllib3, a file at a time, each whole within a time limit or not at all.

An answer is taken as it comes, byte for byte: no redirects, no decompression, so nothing can blow up. How much of it
is read, python-tuf says; it stops in the middle of what is too large.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import urllib3
from tuf.api.exceptions import DownloadError, DownloadHTTPError, SlowRetrievalError
from tuf.ngclient import FetcherInterface
from urllib3.exceptions import HTTPError

from roost_shared.cloud_words import one_line

__all__ = ["HttpFetcher"]

_CHUNK_BYTES: Final = 16 << 10
_TIMEOUT: Final = urllib3.Timeout(connect=10, read=10)  # seconds, for each piece
_WHOLE_S: Final = 30.0  # for a file


def _no_headers() -> Mapping[str, str]:
    return {}


class HttpFetcher(FetcherInterface):
    """Fetches from one cloud.

    Args:
        pool: connections, which know whom to believe.
        headers: asked before each request for what to show, such as a device's token.
        whole_s: how long a file may take, in seconds.
        monotonic_s: the clock for that, in seconds.
    """

    def __init__(
        self,
        pool: urllib3.PoolManager,
        headers: Callable[[], Mapping[str, str]] = _no_headers,
        *,
        whole_s: float = _WHOLE_S,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._headers = headers
        self._whole_s = whole_s
        self._monotonic_s = monotonic_s

    def _fetch(self, url: str) -> Iterator[bytes]:
        where = urlsplit(url)._replace(query="").geturl()
        until_s = self._monotonic_s() + self._whole_s
        headers = {**self._pool.headers, "Accept-Encoding": "identity", **self._headers()}
        try:
            answer = self._pool.request(
                "GET",
                url,
                headers=headers,
                timeout=_TIMEOUT,
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except (HTTPError, OSError) as error:
            raise DownloadError(f"{where}: {one_line(error)}") from error
        if answer.status != HTTPStatus.OK:
            answer.close()
            raise DownloadHTTPError(f"{where}: HTTP status {answer.status}", answer.status)
        return self._pieces(answer, where, until_s)

    def _pieces(self, answer: urllib3.BaseHTTPResponse, where: str, until_s: float) -> Iterator[bytes]:
        """What comes, as it comes: `read1` waits for no more than there is, so a trickle is seen to be one."""
        whole = False
        try:
            while piece := answer.read1(_CHUNK_BYTES, decode_content=False):
                if self._monotonic_s() > until_s:
                    raise SlowRetrievalError(f"{where}: not whole after {self._whole_s:g} s")
                yield piece
            whole = True
        except (HTTPError, OSError) as error:
            raise DownloadError(f"{where}: {one_line(error)}") from error
        finally:
            if whole:
                answer.release_conn()
            else:
                answer.close()
