"""Looks whether a subprocess has had its time: for its start, then for each reply. How long that is, others decide."""

from collections.abc import Callable
from typing import Final

from roost_edge.loop.reactor import Reactor, Timer
from roost_shared.clock import MS

__all__ = ["HangWatch"]

_OVERSLEPT_NS: Final = 100 * MS


class HangWatch:
    """One timer, that looks again as long as something is due.

    Args:
        reactor: the agent's loop.
        due_ns: the moment by which a sign of life is due, monotonic; None while none is.
        excuse: called, with the time it is, when the loop has stood still, maybe with the whole machine: that says
            nothing of the subprocess, whose time counts from now.
        on_hung: called, with the time it is, when the moment has passed.
    """

    def __init__(
        self,
        reactor: Reactor,
        due_ns: Callable[[], int | None],
        *,
        excuse: Callable[[int], None],
        on_hung: Callable[[int], None],
    ) -> None:
        self._reactor = reactor
        self._due_ns = due_ns
        self._excuse = excuse
        self._on_hung = on_hung
        self._timer: Timer | None = None

    def watch(self) -> None:
        """See to it that it looks in time; a look that comes too early finds the later moment by itself."""
        if self._timer is None and (due_ns := self._due_ns()) is not None:
            self._timer = self._reactor.call_at(due_ns, self._look)

    def watch_anew(self) -> None:
        """The same, where what is due may be due earlier than what was."""
        self.stop()
        self.watch()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        now_ns = self._reactor.now_ns()
        overslept_ns = now_ns - self._timer.when_ns if self._timer else 0
        self._timer = None
        if overslept_ns > _OVERSLEPT_NS:
            self._excuse(now_ns)
        due_ns = self._due_ns()
        if due_ns is None or now_ns < due_ns:
            self.watch()
        else:
            self._on_hung(now_ns)
