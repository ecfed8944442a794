"""A subprocess of the agent's that serves it beside the workers: its socket, its end, and how long it may be silent.

Whoever has it reads and writes the socket, and decides what a silence or an end means and when another is started.
Workers have more to tell of their end, see `roost_edge.workers.child`.
"""

import socket
import subprocess
from collections.abc import Callable
from functools import partial
from typing import Final

from roost_edge.offspring import describe_end, spawn
from roost_edge.reactor import Reactor, Timer
from roost_shared.clock import MS

__all__ = ["LAST_REAP_S", "REAP_S", "Companion"]

REAP_S: Final = 0.02  # that the loop waits for one that was killed
LAST_REAP_S: Final = 1.0  # likewise at the agent's end, when nobody needs the loop any more
_REAP_EVERY_NS: Final = 100 * MS


class Companion:
    """A running subprocess.

    Must be made by the thread that runs the reactor: the kernel kills the process when that thread ends.

    Args:
        module: what it runs, as `python -m module title …`.
        title: shown by `ps`.
        reactor: watches its socket, and the time.
        on_readable: called with this when there is something to read on the socket, its end too.
        on_silent: called with the reason given to `expect`.
        arguments: follow the title.

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

    def end(self, patience_s: float = REAP_S) -> str:
        """Kill and reap it; what it died of, for a person.

        A failing disk may hold it though it was killed. Nobody waits for that: it is reaped when it lets go.
        """
        self.heard()
        self._reactor.unwatch(self.socket)
        self.socket.close()
        self._process.kill()
        try:
            return describe_end(self._process.wait(patience_s))
        except subprocess.TimeoutExpired:
            self._reap_later()
            return "killed, and something holds it"

    def _reap_later(self) -> None:
        if self._process.poll() is None:
            self._reactor.call_after(_REAP_EVERY_NS, self._reap_later)
