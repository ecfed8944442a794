"""Work that may block, such as a disk's, in one thread of its own; what comes of it returns to the loop.

An fsync on a memory card takes tens of milliseconds, a file server out of reach takes minutes: neither may keep the
loop from answering.
"""

import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, NoReturn, TypeVar

from roost_edge.loop.reactor import Reactor

__all__ = ["Errands"]

_Result = TypeVar("_Result")


class Errands:
    """Runs one piece of work after the other, in the order given.

    Args:
        reactor: the loop that results return to.
        name: of the thread.
    """

    def __init__(self, reactor: Reactor, name: str) -> None:
        self._reactor = reactor
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Callable[[], _Result], then: Callable[[_Result], object]) -> None:
        """Do `work` in the thread, then call `then` with its result in the loop.

        What `work` raises is a fault of ours and ends the loop, as in any callback.
        """
        self._work.put(partial(self._do, work, then))

    def close(self, timeout_s: float) -> None:
        """Wait until all work given so far is done, at most `timeout_s`. Its results return no more."""
        self._closed = True
        self._work.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()

    def _do(self, work: Callable[[], Any], then: Callable[[Any], object]) -> None:
        callback: Callable[[], object]
        try:
            callback = partial(then, work())
        except Exception as error:  # noqa: BLE001 - the boundary of a thread: the loop raises it
            callback = partial(_raise, error)
        if not self._closed:
            self._reactor.call_soon_threadsafe(callback)


def _raise(error: Exception) -> NoReturn:
    raise error
