"""Fetches the document of revocations from the cloud's API, with a platform token."""

import time
from pathlib import Path
from typing import Final, NamedTuple

import urllib3

from roost_cloud.client import API, ApiAnswerError, ApiUnreachableError, Reply, refusal
from roost_shared.cloud_url import check_cloud_url
from roost_shared.cloud_words import one_line

__all__ = ["MAX_DOCUMENT_BYTES", "Source"]

MAX_DOCUMENT_BYTES: Final = 64 << 20  # bytes; a revoked certificate takes about 150
_PATH: Final = f"{API}/broker/revocations"
_TIMEOUT: Final = urllib3.Timeout(connect=5, read=10)  # seconds
_WHOLE_S: Final = 30  # for the whole document, which may come by drops
_CHUNK_BYTES: Final = 1 << 16
_OK: Final = 200
_SERVER_ERRORS: Final = 500


class Source(NamedTuple):
    """Where the document is, and how to get it.

    Attributes:
        url: of the document itself.
        token_file: holds the token; read anew each time, so that a token can be replaced.
        pool: verifies the server.
    """

    url: str
    token_file: Path
    pool: urllib3.PoolManager

    @classmethod
    def open(cls, cloud_url: str, token_file: Path, cafile: Path | None) -> "Source":
        """A source at a cloud.

        Args:
            cloud_url: such as `https://roost.example:8443`.
            token_file: one line.
            cafile: whom to trust, PEM; None: the system's authorities.

        Raises:
            CloudUrlError: the address can be none of a cloud.
        """
        pool = urllib3.PoolManager(ca_certs=None if cafile is None else str(cafile), timeout=_TIMEOUT, retries=False)
        return cls(check_cloud_url(cloud_url) + _PATH, token_file, pool)

    def fetch(self) -> bytes:
        """The document's bytes, unread.

        Raises:
            ApiUnreachableError: nobody answered or could, or the answer broke off or took too long.
            RemoteError: the cloud said no: the token is wrong, most likely.
            ApiAnswerError: the answer is too large.
            OSError: the token's file cannot be read.
        """
        headers = {"Authorization": f"Bearer {self.token_file.read_text().strip()}", "Accept": "application/json"}
        try:
            response = self.pool.request("GET", self.url, headers=headers, preload_content=False, redirect=False)
            with response:  # closes the connection: looks are too far apart to keep it
                data = _read(response)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiUnreachableError(f"{self.url}: {one_line(error)}") from error
        if response.status >= _SERVER_ERRORS:
            raise ApiUnreachableError(f"{self.url} answered {response.status}")
        if response.status != _OK:
            raise refusal(Reply(response.status, response.headers, data))
        if len(data) > MAX_DOCUMENT_BYTES:
            raise ApiAnswerError(f"{self.url}: the answer is larger than {MAX_DOCUMENT_BYTES} bytes")
        return data


def _read(response: urllib3.BaseHTTPResponse) -> bytes:
    """A document, or a byte more than one may have.

    Raises:
        TimeoutError: it takes longer than 30 s.
    """
    give_up_s = time.monotonic() + _WHOLE_S
    data = bytearray()
    while len(data) <= MAX_DOCUMENT_BYTES and (chunk := response.read1(_CHUNK_BYTES)):
        data += chunk
        if time.monotonic() > give_up_s:
            raise TimeoutError(f"the answer takes longer than {_WHOLE_S} s")
    return bytes(data)
