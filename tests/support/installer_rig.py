"""The installer as the agent has it: in a process of its own, or, for less of the processor, in a thread of ours."""

import contextlib
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from roost_edge.installer import protocol
from roost_edge.installer.service import serve
from roost_edge.installer.settings import InstallerSettings
from roost_edge.subprocesses.offspring import spawn
from roost_edge.subprocesses.packets import receive, send

__all__ = ["InstallerRig"]

_Message = TypeVar("_Message", bound=msgspec.Struct)
MODULE = "roost_edge.installer.process"


class InstallerRig:
    """A context manager; `said` is all that the installer has said, in order.

    Args:
        settings: of the installer.
        process: run it in a process of its own.
    """

    def __init__(self, settings: InstallerSettings, *, process: bool = False) -> None:
        self.said: list[protocol.FromInstaller] = []
        self.raised: list[BaseException] = []
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = None
        self._thread = None
        if process:
            with theirs:
                self._process = spawn(MODULE, "roost-installer", theirs, msgspec.json.encode(settings).decode())
        else:
            self._thread = threading.Thread(target=self._serve, args=(theirs, settings), daemon=True)
            self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def send(self, message: protocol.FromAgent) -> None:
        send(self._ours, protocol.encode(message), [])

    def desire(self, envelope: bytes) -> None:
        self.send(protocol.Desired(envelope))

    def until(
        self,
        kind: type[_Message],
        timeout_s: float = 20,
        *,
        that: Callable[[_Message], bool] = lambda _: True,
        since: int | None = None,
    ) -> _Message:
        """Wait for a message; one that was said before does not count, unless `since` says from where on it does."""
        begin = len(self.said) if since is None else since
        give_up_s = time.monotonic() + timeout_s
        while True:
            for message in self.said[begin:]:
                if isinstance(message, kind) and that(message):
                    return message
            begin = len(self.said) if since is None else since
            left_s = give_up_s - time.monotonic()
            assert self._read(max(left_s, 0)), f"no {kind.__name__} came; {self.said}; {self.raised}"

    def hear(self, seconds: float) -> list[protocol.FromInstaller]:
        """What is said within so long."""
        begin, give_up_s = len(self.said), time.monotonic() + seconds
        while self._read(max(give_up_s - time.monotonic(), 0)):
            pass
        return self.said[begin:]

    def all(self, kind: type[_Message]) -> list[_Message]:
        return [message for message in self.said if isinstance(message, kind)]

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def finish(self) -> None:
        """End it, as the agent does."""
        if self._ours.fileno() < 0:
            return
        with contextlib.suppress(OSError):  # it is gone already
            self.send(protocol.Finish())
        if self._process is not None:
            self._process.wait(10)
        if self._thread is not None:
            self._thread.join(10)
            assert not self._thread.is_alive()
        self._ours.close()

    def _read(self, timeout_s: float) -> bool:
        if not select.select([self._ours], [], [], timeout_s)[0]:
            return False
        data, _ = receive(self._ours)
        if not data:
            return False
        self.said.append(protocol.decode_from_installer(data))
        return True

    def _serve(self, theirs: socket.socket, settings: InstallerSettings) -> None:
        with theirs:
            try:
                serve(theirs, settings)
            except BaseException as error:  # noqa: BLE001 - told to the test
                self.raised.append(error)
