"""What systemd is told of us, and when: sd_notify(3), sd_watchdog_enabled(3).

Started with `Type=notify`, the agent says READY=1 once it takes inputs and STOPPING=1 once it takes no more. In
between it says WATCHDOG=1 from a timer of the loop that answers, so that systemd ends and restarts an agent whose
loop stands still. Nothing else may feed the watchdog: a thread of its own would keep a hung agent alive.

Without systemd nobody is told anything. One that does not listen costs a line in the log, never an answer.
"""

import logging
import socket
from collections.abc import Callable, MutableMapping
from typing import Final, Self

from roost_edge.loop.reactor import Reactor, Timer
from roost_shared.clock import SECOND

__all__ = ["Watchdog"]

log = logging.getLogger(__name__)

MICROSECOND: Final = 1000  # nanoseconds
STATUS_NS: Final = 30 * SECOND  # between two status lines where no watchdog wants to be fed sooner


class Watchdog:
    """The service manager's ear.

    Args:
        address: a Unix datagram socket's path, or `@` and an abstract one's name; None: there is nobody to tell.
        limit_ns: after so long without a word, nanoseconds, we are taken to hang; None: nobody watches.
    """

    def __init__(self, address: str | None = None, limit_ns: int | None = None) -> None:
        self.limit_ns = limit_ns
        self._address = "\0" + address[1:] if address and address.startswith("@") else address
        self._period_ns = STATUS_NS if limit_ns is None else limit_ns // 2
        self._socket: socket.socket | None = None
        self._timer: Timer | None = None
        self._unheard = False

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str], pid: int) -> Self:
        """As systemd wants it of the process `pid`.

        Its variables are taken out of `environment`: they are meant for us, and not for our workers.
        """
        address = environment.pop("NOTIFY_SOCKET", None)
        limit_us = environment.pop("WATCHDOG_USEC", "")
        watched_pid = environment.pop("WATCHDOG_PID", str(pid))
        watched = watched_pid == str(pid) and limit_us.isdecimal() and int(limit_us) > 0
        return cls(address, int(limit_us) * MICROSECOND if watched else None)

    def start(self, reactor: Reactor, describe: Callable[[], str]) -> None:
        """Say that we are ready, and from now on that `reactor` turns.

        Args:
            reactor: the loop that answers.
            describe: how we fare, in one line; `systemctl status` shows it.
        """
        if self._address is None:
            return
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._tell("READY=1")
        self._feed(reactor, describe)

    def stopping(self) -> None:
        """Say that we take no more inputs. Feeding goes on: a goodbye may hang too."""
        self._tell("STOPPING=1")

    def close(self) -> None:
        """Say nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _feed(self, reactor: Reactor, describe: Callable[[], str]) -> None:
        self._tell(*([] if self.limit_ns is None else ["WATCHDOG=1"]), f"STATUS={describe()}")
        self._timer = reactor.call_after(self._period_ns, lambda: self._feed(reactor, describe))

    def _tell(self, *assignments: str) -> None:
        if self._socket is None or self._address is None:
            return
        try:
            self._socket.sendto("\n".join(assignments).encode(), self._address)
        except OSError as error:  # nobody there, or its queue is full: the next word is due soon
            if not self._unheard:
                log.warning("systemd does not hear us at %r: %s", self._address, error)
            self._unheard = True
        else:
            self._unheard = False
