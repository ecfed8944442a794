"""The agent's side of the installer: the process, started when it is first needed, and anew after a pause if it dies.

It holds nothing that has to be saved. What the cloud last said it is told again after each start; what else it has not
acknowledged, whoever listens repeats when it hears that it is ready. Nothing here waits, and nothing here is needed to
answer.
"""

import os
import random
from collections import deque
from typing import Final, Protocol

from roost_edge.installer import protocol
from roost_edge.loop.reactor import Reactor, Timer
from roost_edge.subprocesses.companion import Companion
from roost_edge.subprocesses.packets import PacketError, receive, send
from roost_shared.backoff import Backoff
from roost_shared.clock import SECOND
from roost_shared.complaints import Complaints

__all__ = ["MODULE", "Installer", "InstallerListener"]

MODULE: Final = "roost_edge.installer.process"
_FIRST_PAUSE_NS: Final = 1 * SECOND
_LONGEST_PAUSE_NS: Final = 60 * SECOND
_START_NS: Final = 120 * SECOND  # it may look through many bundles on a slow card
_HUNG_NS: Final = 60 * SECOND  # without a word on what has to become durable: a card may stall for seconds
_DURABLE: Final = protocol.PutInForce | protocol.Confirm | protocol.TakeBack
_DONE: Final = protocol.IsInForce | protocol.Confirmed | protocol.TakenBack | protocol.Refused


class InstallerListener(Protocol):
    """Who hears what it says."""

    def installer_ready(self) -> None:
        """A process is there that knows nothing of what was said to the one before, but for what is desired."""
        ...

    def installer_said(self, message: protocol.FromInstaller) -> None:
        """It said something."""
        ...


class Installer:
    """The process as the agent sees it.

    Args:
        arguments: one JSON document, which tells the process all it has to know.
        reactor: the agent's loop, whose thread makes this.
        complaints: hears of a process that fails, and of what it tells of faults.
        listener: hears the rest.
        module: what the process runs.
    """

    def __init__(
        self,
        arguments: str,
        reactor: Reactor,
        complaints: Complaints,
        listener: InstallerListener,
        *,
        module: str = MODULE,
    ) -> None:
        self._arguments = arguments
        self._reactor = reactor
        self._complaints = complaints
        self._listener = listener
        self._module = module
        self._backoff = Backoff(_FIRST_PAUSE_NS, _LONGEST_PAUSE_NS)
        self._process: Companion | None = None
        self._ready = False
        self._ended = False
        self._restart: Timer | None = None
        self._desired: bytes | None = None
        self._link_up = False
        self._unsent: deque[bytes] = deque()

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return None if self._process is None else self._process.pid

    def need(self) -> None:
        """Have the process, from now on. Idempotent."""
        if self._process is None and self._restart is None and not self._ended:
            self._start()

    def desired(self, envelope: bytes) -> None:
        """The cloud has said what this device shall run; empty: nothing more."""
        self._desired = envelope
        self.need()
        self._tell(protocol.Desired(envelope))

    def link(self, *, up: bool) -> None:
        """The cloud can be reached, or no more."""
        if up != self._link_up:
            self._link_up = up
            self._tell(protocol.Link(up))

    def tell(self, message: protocol.PutInForce | protocol.Confirm | protocol.TakeBack) -> None:
        """Have something made durable; whoever wants it says it again when told that another process is ready."""
        self.need()
        self._tell(message)

    def close(self) -> None:
        """Kill the process; what is half done is gone on with after the next start."""
        self._ended = True
        if self._restart is not None:
            self._restart.cancel()
            self._restart = None
        self._end()

    # ---- the process

    def _start(self) -> None:
        self._restart = None
        try:
            self._process = Companion(
                self._module,
                "roost-installer",
                self._reactor,
                on_readable=self._read,
                on_silent=self._fail,
                arguments=(self._arguments,),
            )
        except OSError as error:
            self._fail(f"it cannot be started: {error}")
            return
        self._process.expect(_START_NS, "it does not start")

    def _end(self) -> str:
        process, self._process = self._process, None
        self._ready = False
        self._unsent.clear()
        return "" if process is None else process.end()

    def _fail(self, why: str) -> None:
        """Have no more of this process; another follows after a pause."""
        self._end()
        self._complaints.note("installer.failed", why)
        pause_ns = self._backoff.next_ns(0.5 + random.random() / 2)  # noqa: S311 - no secret
        self._restart = self._reactor.call_after(pause_ns, self._start)

    # ---- to it

    def _tell(self, message: protocol.FromAgent) -> None:
        if not self._ready:
            return
        try:
            packet = protocol.encode(message)
        except protocol.InstallerProtocolError as error:
            self._complaints.note(error.code, str(error))
            return
        if isinstance(message, _DURABLE) and self._process is not None:
            self._process.expect(_HUNG_NS, "it hangs")
        self._unsent.append(packet)
        if len(self._unsent) == 1:
            self._flush()

    def _flush(self) -> None:
        process = self._process
        if process is None:
            return
        while self._unsent:
            try:
                send(process.socket, self._unsent[0], [])
            except BlockingIOError:
                process.watch_writable(self._flush)
                return
            except OSError:
                return  # it has died, of which its socket tells next
            self._unsent.popleft()
        process.watch_writable(None)

    # ---- from it

    def _read(self, process: Companion) -> None:
        try:
            data, descriptors = receive(process.socket)
            for descriptor in descriptors:
                os.close(descriptor)
            if not data:
                self._fail(f"it ended: {self._end()}")
            else:
                self._hear(protocol.decode_from_installer(data))
        except BlockingIOError:
            return
        except PacketError as error:
            self._fail(str(error))

    def _hear(self, message: protocol.FromInstaller) -> None:
        if isinstance(message, protocol.Ready):
            self._begin()
            return
        if isinstance(message, _DONE):
            self._backoff.reset()
            if self._process is not None:
                self._process.heard()
        if isinstance(message, protocol.Status):
            for fault in message.faults:
                self._complaints.note(fault.code, fault.message)
        self._listener.installer_said(message)

    def _begin(self) -> None:
        self._ready = True
        if self._process is not None:
            self._process.heard()
        if self._link_up:
            self._tell(protocol.Link(up=True))
        if self._desired is not None:
            self._tell(protocol.Desired(self._desired))
        self._listener.installer_ready()
