"""A subprocess of the agent's that serves it beside the workers: its socket, its end, and how long it may be silent.

Whoever has it reads and writes the socket, and decides what a silence or an end means and when another is started.
Workers have more to tell of their end, see `roost_edge.workers.child`.
"""

import socket
import subprocess
import threading
from collections.abc import Callable
from functools import partial
from typing import Final

from roost_edge.loop.reactor import Reactor, Timer
from roost_edge.subprocesses.offspring import describe_end, spawn

__all__ = ["Companion"]

_REAP_S: Final = 0.02  # for one that was killed; a disk may hold it longer, and the loop does not wait for disks


class Companion:
    """A running subprocess.

    Must be made by the thread that runs the reactor: the kernel kills the process when that thread ends.

    Args:
        module: what it runs, as `python -m module title pid …`.
        title: shown by `ps`.
        reactor: watches its socket, and the time.
        on_readable: called with this when there is something to read on the socket, its end too.
        on_silent: called with the reason given to `expect`.
        arguments: follow our pid.

    Attributes:
        socket: packets to it and from it; does not block.

    Raises:
        OSError: the machine has no descriptor, process or memory left.
    """

    def __init__(
        self,
        module: str,
        title: str,
        reactor: Reactor,
        *,
        on_readable: Callable[["Companion"], object],
        on_silent: Callable[[str], object],
        arguments: tuple[str, ...] = (),
    ) -> None:
        self._reactor = reactor
        self._on_readable = partial(on_readable, self)
        self._on_silent = on_silent
        self._timer: Timer | None = None
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self._process = spawn(module, title, theirs, *arguments)
        except OSError:
            self.socket.close()
            raise
        self.socket.setblocking(False)
        self.watch_writable(None)

    def watch_writable(self, on_writable: Callable[[], object] | None) -> None:
        """Call this too, whenever the socket takes more; None: no more."""
        self._reactor.watch(self.socket, self._on_readable, on_writable)

    @property
    def pid(self) -> int:
        """The process's."""
        return self._process.pid

    def expect(self, within_ns: int, why: str) -> None:
        """From now on, call it silent after `within_ns`, in place of what was expected before; `why` says of what."""
        self.heard()
        self._timer = self._reactor.call_after(within_ns, lambda: self._on_silent(why))

    def heard(self) -> None:
        """Expect nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def end(self) -> str:
        """Kill and reap it; what it died of, for a person."""
        self.heard()
        self._reactor.unwatch(self.socket)
        self.socket.close()
        self._process.kill()
        try:
            return describe_end(self._process.wait(_REAP_S))
        except subprocess.TimeoutExpired:
            # It ends when its disk lets it go, and until then nobody here waits for it.
            threading.Thread(target=self._process.wait, name="reaper", daemon=True).start()
            return "killed, and the disk holds it"
