"""One POST to a webhook, to an address that it may lead to and by the name that its certificate is for.

The name is resolved once, and the connection goes to an address that was looked at: a name that resolves to something
else a moment later leads nowhere. Redirects are not followed.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from roost_cloud.events.addresses import Network, may_reach
from roost_shared.cloud_words import one_line
from roost_shared.errors import ContentError, TransportError

__all__ = ["Resolve", "Webhook", "WebhookForbiddenError", "WebhookGoneError", "WebhookRefusedError", "resolve"]

_TIMEOUT_S: Final = 10.0  # of a connection, and of each word
_IN_ALL_S: Final = 20.0
_HTTPS: Final = 443
Resolve = Callable[[str, int], Sequence[str]]


class WebhookRefusedError(TransportError):
    """The receiver did not accept, or there was none; trying again may help."""

    code = "hook.refused"


class WebhookGoneError(ContentError):
    """The receiver says that it wants no more (410)."""

    code = "hook.gone"


class WebhookForbiddenError(TransportError):
    """The name leads to an address that hooks may not lead to."""

    code = "hook.forbidden"


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name.

    Raises:
        OSError: it has none.
    """
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Webhook:
    """Sends to any webhook, for any number of threads.

    Args:
        allowed: networks that hooks may lead to beside the public internet.
        cafile: whom to trust (PEM); None: whom this machine trusts.
        find: gives the addresses of a name.
    """

    def __init__(self, allowed: Sequence[Network] = (), cafile: Path | None = None, find: Resolve = resolve) -> None:
        self._allowed = allowed
        self._find = find
        self._context = ssl.create_default_context(cafile=cafile)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Send, and see it accepted: any status from 200 to 299.

        Raises:
            WebhookRefusedError: it was not.
            WebhookGoneError: it was not, and never will be.
            WebhookForbiddenError: it may not be sent there.
        """
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _HTTPS
        address = self._address(host, port)
        sent = {"Host": parts.netloc, "Content-Type": "application/json", "User-Agent": "roost", **headers}
        status = self._send(address, port, parts, body, sent)
        if status == HTTPStatus.GONE:
            raise WebhookGoneError(f"{host} says {status}: it wants no more")
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise WebhookRefusedError(f"{host} says {status}")

    def _address(self, host: str, port: int) -> str:
        try:
            found = self._find(host, port)
        except (OSError, UnicodeError) as error:
            raise WebhookRefusedError(f"{host}: {one_line(error)}") from error
        for address in found:
            if not may_reach(address, self._allowed):
                raise WebhookForbiddenError(f"{host} is {address}, where hooks may not lead: see hook_networks")
        if not found:
            raise WebhookRefusedError(f"{host} has no address")
        return found[0]

    def _send(self, address: str, port: int, parts: SplitResult, body: bytes, headers: Mapping[str, str]) -> int:
        host = parts.hostname or ""
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        try:
            with (
                socket.create_connection((address, port), timeout=_TIMEOUT_S) as plain,
                self._context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False) as secure,
                _cut_off_after(_IN_ALL_S, secure),
            ):
                secure.do_handshake()
                connection = http.client.HTTPConnection(host, port)
                connection.sock = secure
                connection.request("POST", path, body, dict(headers))
                return connection.getresponse().status  # what it says beside that is not read
        except ssl.SSLCertVerificationError as error:
            raise WebhookRefusedError(f"{host}: we do not trust its certificate: {error.verify_message}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise WebhookRefusedError(f"{host}: {one_line(error) or type(error).__name__}") from error


@contextmanager
def _cut_off_after(seconds: float, connection: socket.socket) -> Iterator[None]:
    """However slowly the other side speaks, a telling ends in time."""

    def cut_off() -> None:
        with suppress(OSError):  # it has ended by itself
            socket.socket.shutdown(connection, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut_off)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
