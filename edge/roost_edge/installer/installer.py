"""The agent's side of the installer: the process, started when it is first needed, and anew after a pause if it dies.

It holds nothing that has to be saved. What the cloud last said it is told again after each start; what else it has not
acknowledged, whoever listens repeats when it hears that it is ready. Nothing here waits, and nothing here is needed to
answer.
"""

from collections.abc import Callable
from typing import Final, Protocol

from roost_edge.installer import protocol
from roost_edge.loop.reactor import Reactor
from roost_edge.subprocesses.attendant import Attendant
from roost_shared.clock import SECOND
from roost_shared.complaints import Complaints

__all__ = ["MODULE", "Installer", "InstallerListener"]

MODULE: Final = "roost_edge.installer.process"
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
        self._complaints = complaints
        self._listener = listener
        self._process = Attendant(
            module,
            "roost-installer",
            arguments,
            reactor,
            hear=self._hear,
            lost=self._lost,
        )
        self._desired: bytes | None = None
        self._link_up = False

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return self._process.pid

    def need(self) -> None:
        """Have the process, from now on. Idempotent."""
        self._process.start()

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

    def stop(self, patience_ns: int, on_stopped: Callable[[], object]) -> None:
        """Have it end where it is, which the next start goes on from; after `patience_ns` it is killed."""
        self._process.finish(protocol.encode(protocol.Finish()), patience_ns, on_stopped)

    def close(self) -> None:
        """Kill the process; what is half done is gone on with after the next start."""
        self._process.close()

    # ----

    def _lost(self, why: str) -> None:
        if not self._process.is_ending:
            self._complaints.note("installer.failed", why)

    def _tell(self, message: protocol.FromAgent) -> None:
        if not self._process.ready:
            return
        try:
            packet = protocol.encode(message)
        except protocol.InstallerProtocolError as error:
            self._complaints.note(error.code, str(error))
            return
        if isinstance(message, _DURABLE):
            self._process.expect(_HUNG_NS, "it hangs")
        self._process.send(packet)

    def _hear(self, packet: bytes) -> None:
        message = protocol.decode_from_installer(packet)
        if isinstance(message, protocol.Ready):
            self._begin()
            return
        if isinstance(message, _DONE):
            self._process.is_of_use()
            self._process.heard()
        if isinstance(message, protocol.Status):
            for fault in message.faults:
                self._complaints.note(fault.code, fault.message)
        self._listener.installer_said(message)

    def _begin(self) -> None:
        self._process.ready = True
        self._process.heard()
        if self._link_up:
            self._tell(protocol.Link(up=True))
        if self._desired is not None:
            self._tell(protocol.Desired(self._desired))
        self._listener.installer_ready()
