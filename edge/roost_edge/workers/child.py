"""One incarnation of a worker: its process, its socket, its end. It decides nothing.

The subprocess speaks `protocol` over one end of a socket pair, and writes whose head runs into a `mark`; how it is
started, `roost_edge.subprocesses.offspring` says.
"""

import os
import socket
from contextlib import ExitStack
from typing import Final, Protocol

from roost_edge.loop.reactor import Reactor
from roost_edge.subprocesses.offspring import describe_end, spawn
from roost_edge.workers import protocol
from roost_edge.workers.running_mark import RunningMark

__all__ = ["Child", "ChildOwner"]

_TRUNCATED: Final = int(socket.MSG_TRUNC)  # an `&` of enums costs microseconds
_MODULE: Final = "roost_edge.workers.process"


class ChildOwner(Protocol):
    """Who hears of a child."""

    def on_message(self, message: protocol.FromWorker) -> None:
        """The child said something. Never called after `kill`."""
        ...

    def on_exit(self, reason: str) -> None:
        """The process is gone and reaped; nothing follows. `reason` says of what it died, for a person."""
        ...


class Child:
    """A running subprocess.

    Must be made by the thread that runs the reactor: the kernel kills the process when that thread ends.

    Args:
        title: `task/contestant+contestant`, shown by `ps`.
        reactor: watches its socket and its end.
        owner: hears of it.

    Raises:
        OSError: the machine has no descriptor, process or memory left.
    """

    def __init__(self, title: str, reactor: Reactor, owner: ChildOwner) -> None:
        self._reactor = reactor
        self._owner = owner
        self._violation: str | None = None
        self._buffer = memoryview(bytearray(protocol.MESSAGE_LIMIT_BYTES))
        with ExitStack() as undo:
            self.mark = RunningMark()  # readable until `on_exit` returns
            undo.callback(self.mark.close)
            self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            undo.callback(self._socket.close)
            self._socket.setblocking(False)
            with theirs:
                self._process = spawn(_MODULE, title, theirs)
            undo.callback(self._process.wait)
            undo.callback(self._process.kill)
            self.pid = self._process.pid
            self._pidfd = os.pidfd_open(self.pid)
            undo.pop_all()
        reactor.watch(self._socket, self._read)
        reactor.watch(self._pidfd, self._reap)

    def send(self, packet: bytes, descriptor: int | None = None) -> None:
        """Send one packet; a child that cannot take it is killed, and `on_exit` follows."""
        try:
            if descriptor is None:
                self._socket.send(packet)
            else:
                socket.send_fds(self._socket, [packet], [descriptor])
        except (BrokenPipeError, ConnectionResetError):
            return  # it has died; what it said before, and its end, are still to be read
        except OSError as error:  # two unfinished jobs fit the socket, so it has more than it asked for
            self.kill(f"cannot be sent to: {error}")

    def kill(self, violation: str | None = None) -> None:
        """Kill it and hear no more messages of it; `on_exit` follows. Idempotent.

        Args:
            violation: why, if the child itself is to blame; becomes part of the reason given to `on_exit`.
        """
        self._violation = self._violation or violation
        self._reactor.unwatch(self._socket)
        self._socket.close()
        self._process.kill()

    def _read(self) -> bool:
        """Hear one message, so that a flood of them cannot keep the loop; False if there was none."""
        if self._socket.fileno() < 0:
            return False  # killed by the owner as it heard the last message
        try:
            message = self._receive()
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True  # it died with a job unread; what it said before is still to be read
        except protocol.ProtocolError as error:
            self.kill(str(error))
            return False
        if message is None:
            self.kill()  # it closed its end, most likely by dying; then `_reap` tells of what
            return False
        self._owner.on_message(message)
        return True

    def _receive(self) -> protocol.FromWorker | None:
        packet_bytes, _, flags, _ = self._socket.recvmsg_into([self._buffer])
        if flags & _TRUNCATED:
            raise protocol.ProtocolError(f"the worker sent more than {protocol.MESSAGE_LIMIT_BYTES} bytes")
        return protocol.decode_from_worker(self._buffer[:packet_bytes]) if packet_bytes else None

    def _reap(self) -> None:
        while self._read():
            pass  # what it said before it died still counts
        returncode = self._process.wait()
        self._reactor.unwatch(self._pidfd)
        os.close(self._pidfd)
        self._reactor.unwatch(self._socket)
        self._socket.close()
        self._owner.on_exit(self._violation or describe_end(returncode))
        self.mark.close()
