"""A reactor whose time only moves when a test moves it; it has timers and no sockets."""

import heapq
from collections.abc import Callable
from itertools import count
from typing import cast

from roost_edge.loop.reactor import Reactor, Timer


class VirtualReactor:
    """Runs timers in order as `advance` passes them."""

    def __init__(self) -> None:
        self.now = 0
        self._timers: list[tuple[int, int, Timer]] = []
        self._order = count()

    def now_ns(self) -> int:
        return self.now

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        timer = Timer(when_ns, callback)
        heapq.heappush(self._timers, (when_ns, next(self._order), timer))
        return timer

    def call_after(self, delay_ns: int, callback: Callable[[], None]) -> Timer:
        return self.call_at(self.now + delay_ns, callback)

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.call_at(self.now, callback)

    def advance(self, to_ns: int) -> None:
        """Let time pass, running every timer at its own moment."""
        while self._timers and self._timers[0][0] <= to_ns:
            when_ns, _, timer = heapq.heappop(self._timers)
            self.now = max(self.now, when_ns)
            if timer.callback is not None:
                callback, timer.callback = timer.callback, None
                callback()
        self.now = max(self.now, to_ns)

    def as_reactor(self) -> Reactor:
        """The same, under the type that product code asks for."""
        return cast("Reactor", self)
