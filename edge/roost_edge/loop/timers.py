"""Timers of one owner, one for each of its callbacks: set again, a timer is put off; all can be cancelled at once."""

from roost_edge.loop.reactor import Callback, Reactor, Timer

__all__ = ["Timers"]


class Timers:
    """Those that are set.

    Args:
        reactor: runs them.
    """

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._timers: dict[Callback, Timer] = {}

    def call_after(self, delay_ns: int, callback: Callback) -> None:
        """Run `callback` in `delay_ns`, and not when it was to run before."""
        self.cancel(callback)
        self._timers[callback] = self._reactor.call_after(delay_ns, callback)

    def cancel(self, callback: Callback) -> None:
        """Do not run `callback`. Idempotent."""
        timer = self._timers.pop(callback, None)
        if timer is not None:
            timer.cancel()

    def cancel_all(self) -> None:
        """Run none of them."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
