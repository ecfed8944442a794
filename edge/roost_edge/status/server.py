"""`roost-agent status`: one JSON document over a Unix socket in the state folder.

Connect, read to the end, done. The document is made when asked for, in the agent's loop.
"""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from roost_edge.loop.reactor import Reactor
from roost_shared.errors import DeviceError
from roost_shared.messages import UNREADABLE

__all__ = ["NotRunningError", "StatusServer", "read_status"]

NAME: Final = "agent.sock"
TIMEOUT_S: Final = 5.0  # an agent whose loop stands still does not answer
BACKLOG: Final = 8


class NotRunningError(DeviceError):
    """No agent answers in this state folder."""

    code = "agent.not_running"


class StatusServer:
    """Tells whoever connects how the agent fares.

    Args:
        reactor: the agent's loop.
        state_dir: where the socket is made; the caller holds the folder's lock, so a socket there is a dead one's.
        describe: makes the document.
    """

    def __init__(self, reactor: Reactor, state_dir: Path, describe: Callable[[], dict[str, Any]]) -> None:
        self._reactor = reactor
        self._describe = describe
        self._path = state_dir / NAME
        self._path.unlink(missing_ok=True)
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        with _short_path(state_dir) as path:
            self._server.bind(path)
        self._path.chmod(0o600)
        self._server.listen(BACKLOG)
        reactor.watch(self._server, self._accept)

    def close(self) -> None:
        """Stop telling."""
        self._reactor.unwatch(self._server)
        self._server.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        try:
            connection, _ = self._server.accept()
        except OSError:
            return  # it went away again, or descriptors are short: the next one is told
        with connection:
            connection.setblocking(False)
            document = msgspec.json.encode(self._describe())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, len(document) + 4096)
            with contextlib.suppress(OSError):  # a reader that does not read misses it
                connection.sendall(document)


def read_status(state_dir: Path) -> dict[str, Any]:
    """The running agent's status document.

    Raises:
        NotRunningError: none runs there, or it does not answer.
    """
    chunks: list[bytes] = []
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client, _short_path(state_dir) as path:
            client.settimeout(TIMEOUT_S)
            client.connect(path)
            while chunk := client.recv(65536):
                chunks.append(chunk)
        return msgspec.json.decode(b"".join(chunks), type=dict[str, Any])
    except (OSError, *UNREADABLE) as error:
        raise NotRunningError(f"no agent answers in {state_dir}: {error}") from error


@contextlib.contextmanager
def _short_path(folder: Path) -> Iterator[str]:
    """The socket's path by way of the folder's descriptor: a Unix socket's path holds 107 bytes, a folder's more."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)
