"""Runs what blocks of opening a link in a short-lived thread, and hands the link back to the loop."""

import threading
from collections.abc import Callable
from functools import partial

from roost_edge.loop.reactor import Reactor
from roost_edge.mqtt.link import Link

__all__ = ["Opener"]

OnOpened = Callable[[OSError | UnicodeError | None], None]


class Opener:
    """Opens links, one at a time.

    The thread owns the link from `open` until `on_opened` is called in the loop's thread. It is a daemon: looking
    up a name can take half a minute and cannot be interrupted, and must not delay the agent's end.
    """

    def __init__(self, reactor: Reactor, on_opened: OnOpened) -> None:
        self._reactor = reactor
        self._on_opened = on_opened
        self._handover = threading.Lock()
        self._abandoned = False

    def open(self, link: Link) -> None:
        """Open `link`; `on_opened` gets None, or the error of the network, name or TLS."""
        threading.Thread(target=self._open, args=(link,), name="broker-open", daemon=True).start()

    def abandon(self) -> None:
        """Hand nothing back any more: the loop may be gone by then."""
        with self._handover:
            self._abandoned = True

    def _open(self, link: Link) -> None:
        fault: Exception | None = None
        try:
            link.open()
        except Exception as error:  # noqa: BLE001 - a thread's boundary; the loop raises what is our fault
            fault = error
        with self._handover:
            if not self._abandoned:
                self._reactor.call_soon_threadsafe(partial(self._hand_back, fault))
                return
        link.abort()

    def _hand_back(self, fault: Exception | None) -> None:
        if fault is not None and not isinstance(fault, (OSError, UnicodeError)):
            raise fault
        self._on_opened(fault)
