"""A companion that comes back: after a pause another is started when one ends, hangs or talks nonsense.

What is sent to it waits in a queue while its socket takes no more, and is forgotten with it: whoever has it says again
what matters once the next one is ready. Nothing here waits.
"""

import os
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from roost_edge.loop.reactor import Reactor, Timer
from roost_edge.subprocesses.companion import Companion
from roost_edge.subprocesses.packets import PacketError, receive, send
from roost_shared.backoff import Backoff
from roost_shared.chance import CHANCE
from roost_shared.clock import SECOND

__all__ = ["Attendant"]

_FIRST_PAUSE_NS: Final = 1 * SECOND
_LONGEST_PAUSE_NS: Final = 60 * SECOND
_START_NS: Final = 120 * SECOND  # much may lie on a slow card that it has to look through


class _Payload(Protocol):
    def fileno(self) -> int:
        """Of what goes with a packet; open until it is sent, or the process is lost."""
        ...


class Attendant:
    """Made and used by the thread that runs the reactor; not started.

    Args:
        module: what it runs, as `python -m module title pid arguments`.
        title: shown by `ps`.
        arguments: one JSON document, which tells the process all it has to know.
        reactor: the agent's loop.
        hear: called with each packet from it; raises PacketError where that is nonsense.
        lost: called with the reason when a process is lost, also while it is told to finish.

    Attributes:
        ready: whether it takes what is sent; whoever hears that it does sets it.
    """

    def __init__(
        self,
        module: str,
        title: str,
        arguments: str,
        reactor: Reactor,
        *,
        hear: Callable[[bytes], object],
        lost: Callable[[str], object],
    ) -> None:
        self.ready = False
        self._module = module
        self._title = title
        self._arguments = arguments
        self._reactor = reactor
        self._hear = hear
        self._lost = lost
        self._backoff = Backoff(_FIRST_PAUSE_NS, _LONGEST_PAUSE_NS)
        self._process: Companion | None = None
        self._restart: Timer | None = None
        self._unsent: deque[tuple[bytes, _Payload | None]] = deque()
        self._ending = False
        self._on_ended: Callable[[], object] | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return None if self._process is None else self._process.pid

    @property
    def is_ending(self) -> bool:
        """There will be no other any more."""
        return self._ending

    def start(self) -> None:
        """Start it, unless it is there, comes back by itself, or shall end."""
        if self._process is None and self._restart is None and not self._ending:
            self._start()

    def send(self, packet: bytes, payload: _Payload | None = None) -> None:
        """Send a packet to the process that is there, with a payload's descriptor; in order."""
        if self._process is None:
            return
        self._unsent.append((packet, payload))
        if len(self._unsent) == 1:
            self._flush()

    def expect(self, within_ns: int, why: str) -> None:
        """See `Companion.expect`; a process that is silent is lost."""
        if self._process is not None:
            self._process.expect(within_ns, why)

    def heard(self) -> None:
        """Expect nothing."""
        if self._process is not None:
            self._process.heard()

    def is_of_use(self) -> None:
        """It does what it is there for: should it be lost, another follows soon."""
        self._backoff.reset()

    def finish(self, goodbye: bytes, patience_ns: int, on_ended: Callable[[], object]) -> None:
        """Tell it to end, and have no other; after `patience_ns` it is killed.

        Args:
            goodbye: the packet that says so.
            patience_ns: how long it may take.
            on_ended: called once there is no process any more, not from within this.
        """
        self._no_more()
        self._on_ended = on_ended
        if self._process is None:
            self._reactor.call_soon(self._ended)
            return
        if self.ready:
            self.send(goodbye)
        self._reactor.call_after(patience_ns, self._ended)

    def close(self) -> None:
        """Kill it, and have no other; whoever waits for its end hears nothing."""
        self._on_ended = None
        self._no_more()
        self._end()

    # ----

    def _start(self) -> None:
        self._restart = None
        try:
            self._process = Companion(
                self._module,
                self._title,
                self._reactor,
                on_readable=self._read,
                on_silent=self._fail,
                arguments=(self._arguments,),
            )
        except OSError as error:
            self._fail(f"it cannot be started: {error}")
            return
        self._process.expect(_START_NS, "it does not start")

    def _no_more(self) -> None:
        self._ending = True
        if self._restart is not None:
            self._restart.cancel()
            self._restart = None

    def _end(self) -> str:
        """Kill and reap it; what it died of."""
        process, self._process = self._process, None
        self.ready = False
        self._unsent.clear()
        return "" if process is None else process.end()

    def _ended(self) -> None:
        on_ended, self._on_ended = self._on_ended, None
        if on_ended is not None:
            self._end()
            on_ended()

    def _fail(self, why: str) -> None:
        """Have no more of this process; another follows after a pause."""
        self._end()
        self._lost(why)
        if self._ending:
            self._ended()
            return
        pause_ns = self._backoff.next_ns(0.5 + CHANCE.random() / 2)
        self._restart = self._reactor.call_after(pause_ns, self._start)

    def _flush(self) -> None:
        process = self._process
        if process is None:
            return
        while self._unsent:
            data, payload = self._unsent[0]
            try:
                send(process.socket, data, [] if payload is None else [payload.fileno()])
            except BlockingIOError:
                process.watch_writable(self._flush)
                return
            except OSError:
                return  # it has died, of which its socket tells next
            self._unsent.popleft()
        process.watch_writable(None)

    def _read(self, process: Companion) -> None:
        try:
            data, descriptors = receive(process.socket)
            for descriptor in descriptors:
                os.close(descriptor)
            if not data:
                self._fail(f"it ended: {self._end()}")
                return
            self._hear(data)
        except BlockingIOError:
            return
        except PacketError as error:
            self._fail(str(error))
