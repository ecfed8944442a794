"""Fetches the document of revocations from the cloud's API, with a platform token."""

import time
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import urllib3

from roost_shared.errors import ConfigError, ContentError, TransportError

__all__ = ["MAX_DOCUMENT_BYTES", "CloudRefusedError", "CloudUnreachableError", "Source"]

MAX_DOCUMENT_BYTES: Final = 64 << 20  # bytes; a revoked certificate takes about 150
_PATH: Final = "/api/v1/broker/revocations"
_TIMEOUT: Final = urllib3.Timeout(connect=5, read=10)  # seconds
_WHOLE_S: Final = 30  # for the whole document, which may come by drops
_CHUNK_BYTES: Final = 1 << 16
_OK: Final = 200
_SERVER_ERRORS: Final = 500
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class CloudUnreachableError(TransportError):
    """The cloud's API did not answer, or said that it cannot just now."""

    code = "cloud.unreachable"


class CloudRefusedError(ContentError):
    """The cloud's API answered, and not with a document: a wrong token, most likely."""

    code = "cloud.refused"


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
            cloud_url: such as `https://roost.example:8443`; http:// on this machine only, for the token's sake.
            token_file: one line.
            cafile: whom to trust, PEM; None: the system's authorities.

        Raises:
            ConfigError: the address is none we send a token to.
        """
        parts = urlsplit(cloud_url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ConfigError(
                where="--cloud",
                key="",
                problem=f"{cloud_url!r} would send a token in the clear, or is no address",
                remedy="Use https://, or http:// on this machine",
            )
        pool = urllib3.PoolManager(ca_certs=None if cafile is None else str(cafile), timeout=_TIMEOUT, retries=False)
        return cls(cloud_url.rstrip("/") + _PATH, token_file, pool)

    def fetch(self) -> bytes:
        """The document's bytes, unread.

        Raises:
            CloudUnreachableError: nobody answered, or the answer broke off or took too long.
            CloudRefusedError: the answer is no document.
            OSError: the token's file cannot be read.
        """
        headers = {"Authorization": f"Bearer {self.token_file.read_text().strip()}", "Accept": "application/json"}
        try:
            response = self.pool.request("GET", self.url, headers=headers, preload_content=False, redirect=False)
            with response:  # closes the connection: looks are too far apart to keep it
                data = _read(response)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise CloudUnreachableError(f"{self.url}: {error}") from error
        if response.status >= _SERVER_ERRORS:
            raise CloudUnreachableError(f"{self.url} answered {response.status}")
        if response.status != _OK:
            raise CloudRefusedError(f"{self.url} answered {response.status}; it takes a platform token")
        if len(data) > MAX_DOCUMENT_BYTES:
            raise CloudRefusedError(f"{self.url} answered more than {MAX_DOCUMENT_BYTES} bytes")
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
