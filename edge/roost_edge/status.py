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

from roost_edge.reactor import Reactor
from roost_shared.errors import DeviceError

__all__ = ["NotRunningError", "StatusServer", "read_status", "summarise"]

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
    except (OSError, msgspec.MsgspecError) as error:
        raise NotRunningError(f"no agent answers in {state_dir}: {error}") from error


@contextlib.contextmanager
def _short_path(folder: Path) -> Iterator[str]:
    """The socket's path by way of the folder's descriptor: a Unix socket's path holds 107 bytes, a folder's more."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


def summarise(status: dict[str, Any]) -> str:
    """The document for a person, a line for the agent, each task and each contestant."""
    broker = "connected" if status["broker"]["connected"] else "away"
    lines = [
        f"{status['tenant']}/{status['device']}: up {status['uptime_s']:.0f} s, broker {broker}"
        + (f", problem {status['problem']}" if status["problem"] else "")
    ]
    lines += _cloud(status["cloud"])
    for name, task in status["tasks"].items():
        lines.append(
            f"  {name}: {task['answers']} answers, {task['by_deadline']} by the deadline,"
            f" p50 {_ms(task['latency_ms']['p50'])}, p99 {_ms(task['latency_ms']['p99'])}"
        )
        for contestant, one in task["contestants"].items():
            how = _asked(one) if one["where"] == "cloud" else _served(one)
            agreement = _agreement(task["agreement"].get(contestant))
            lines.append(f"    {contestant} ({one['role']}): {how}{agreement}")
    for name, folder in status["folders"].items():
        unwritten = f", {folder['unwritten']} answers the disk refuses" if folder["unwritten"] else ""
        lines.append(f"  {name}: {folder['taken']} inputs from {folder['path']}{unwritten}")
    if status["http"] is not None:
        listening = f"at {status['http']['address']}" if status["http"]["address"] else "not listening"
        lines.append(f"  http: {status['http']['inputs']} inputs, {listening}")
    lines += [f"  {count} x {code}" for code, count in sorted(status["complaints"].items())]
    return "\n".join(lines)


def _cloud(cloud: dict[str, Any]) -> list[str]:
    """A line on the cloud, if there is anything to say of it."""
    parts = []
    if cloud["broker"] is not None:
        parts.append(f"broker {'connected' if cloud['broker']['connected'] else 'away'}")
    link = cloud["link"]
    if link is not None:
        limit = f" of {link['bytes_per_day']}" if link["bytes_per_day"] else ""
        parts.append(f"link {link['state']}, {link['bytes_today']}{limit} bytes asked in 24 hours")
    if cloud["shrinking"]["shrunken"]:
        parts.append(
            f"{cloud['shrinking']['shrunken']} pictures shrunken, {cloud['shrinking']['saved_bytes']} bytes less"
        )
    if cloud["identity"]["expires_at"] is not None:
        parts.append(f"certificate until {cloud['identity']['expires_at']}")
    if cloud["identity"]["problem"] is not None:
        parts.append(f"problem {cloud['identity']['problem']['code']}: {cloud['identity']['problem']['message']}")
    return [f"  cloud: {', '.join(parts)}"] if parts else []


def _served(one: dict[str, Any]) -> str:
    """How a local contestant fares."""
    shared = f", on one base with {' and '.join(one['shares_base_with'])}" if one["shares_base_with"] else ""
    error = f", last error {one['last_error']['message']}" if one["last_error"] else ""
    return (
        f"{one['state']}, {one['bundle'] or 'no bundle'},"
        f" p50 {_ms(one['p50_ms'])}, p99 {_ms(one['p99_ms'])}, {one['restarts']} restarts{shared}{error}"
    )


def _asked(one: dict[str, Any]) -> str:
    """How a cloud contestant fares."""
    declined = "".join(f", {count} x {code}" for code, count in sorted(one["declined"].items()))
    return (
        f"in the cloud, link {one['state']}, asked {one['asked']}, answered {one['answered']}, lost {one['lost']},"
        f" late {one['late']}, p50 {_ms(one['p50_ms'])}, p95 {_ms(one['p95_ms'])}{declined}"
    )


def _agreement(counts: dict[str, int] | None) -> str:
    if counts is None:
        return ""
    return f", said as the answer {counts['agreeing']} times of {counts['compared']}"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"
