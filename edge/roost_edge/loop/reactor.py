"""The loop that answers: one thread that waits for sockets and moments, and never for anything else.

Nothing that may block (connecting, hashing a bundle, starting a thread's work) belongs in a callback; it runs
in a thread and comes back through `call_soon_threadsafe`. The wait is `epoll_wait`, whose timeout is rounded
up to whole milliseconds, so a timer fires up to 1 ms late.
"""

import heapq
import selectors
import socket
from collections import deque
from collections.abc import Callable
from itertools import count

from roost_shared.clock import SECOND, Clock

__all__ = ["Callback", "Reactor", "Timer"]

Callback = Callable[[], object]
_READ = selectors.EVENT_READ
_WRITE = selectors.EVENT_WRITE
_SWEEP_AT = 1024  # timers, from which on cancelled ones are looked for


class Timer:
    """A moment at which a callback will run, unless cancelled."""

    __slots__ = ("callback", "when_ns")

    def __init__(self, when_ns: int, callback: Callback) -> None:
        self.when_ns = when_ns
        self.callback: Callback | None = callback

    def cancel(self) -> None:
        """Never run the callback. Idempotent."""
        self.callback = None


class _Watch:
    """The callbacks of one descriptor; both None once it is no longer watched."""

    __slots__ = ("on_readable", "on_writable")

    def __init__(self, on_readable: Callback | None, on_writable: Callback | None) -> None:
        self.on_readable = on_readable
        self.on_writable = on_writable


class Reactor:
    """Sockets, timers and calls from other threads, served by the thread that calls `run`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[int, int, Timer]] = []
        self._order = count()
        self._sweep_at = _SWEEP_AT
        self._soon: deque[Callback] = deque()
        self._running = False
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_receiver.setblocking(False)
        self._wake_sender.setblocking(False)
        self._selector.register(self._wake_receiver, _READ, _Watch(self._drain_wake, None))

    def now_ns(self) -> int:
        """Monotonic nanoseconds."""
        return self._clock.now_ns()

    def watch(
        self, sock: socket.socket | int, on_readable: Callback | None, on_writable: Callback | None = None
    ) -> None:
        """Call back whenever `sock` can be read, or written, for which a callback is given; for one at least.

        Watching a socket (or descriptor) again replaces its callbacks.
        """
        events = (_READ if on_readable else 0) | (_WRITE if on_writable else 0)
        try:
            watch: _Watch = self._selector.get_key(sock).data
        except KeyError:
            self._selector.register(sock, events, _Watch(on_readable, on_writable))
            return
        watch.on_readable, watch.on_writable = on_readable, on_writable
        self._selector.modify(sock, events, watch)

    def unwatch(self, sock: socket.socket | int) -> None:
        """Stop watching: no callback of `sock` runs after this. Idempotent; unwatch before closing."""
        try:
            watch: _Watch = self._selector.unregister(sock).data
        except (KeyError, ValueError):
            return
        # The batch being served may hold an event of this socket still.
        watch.on_readable = watch.on_writable = None

    def call_at(self, when_ns: int, callback: Callback) -> Timer:
        """Run `callback` at `when_ns`, or as soon after as the loop is free."""
        timer = Timer(when_ns, callback)
        heapq.heappush(self._timers, (when_ns, next(self._order), timer))
        if len(self._timers) > self._sweep_at:
            self._timers = [entry for entry in self._timers if entry[2].callback is not None]
            heapq.heapify(self._timers)
            self._sweep_at = max(_SWEEP_AT, 2 * len(self._timers))
        return timer

    def call_after(self, delay_ns: int, callback: Callback) -> Timer:
        """Run `callback` in `delay_ns`."""
        return self.call_at(self.now_ns() + delay_ns, callback)

    def call_soon(self, callback: Callback) -> None:
        """Run `callback` once the callback now running has returned. Only for the loop's own thread."""
        self._soon.append(callback)

    def call_soon_threadsafe(self, callback: Callback) -> None:
        """Run `callback` in the loop's thread. May be called from any thread and from a signal handler."""
        self._soon.append(callback)
        try:
            self._wake_sender.send(b"\0")
        except BlockingIOError:
            return  # the pipe is full of wake-ups already

    def run(self) -> None:
        """Serve until `stop`. An exception from a callback ends the loop: it is a fault of ours."""
        self._running = True
        while self._running:
            self._run_once()

    def stop(self) -> None:
        """Leave `run` once this round is done. From another thread: `call_soon_threadsafe(reactor.stop)`."""
        self._running = False

    def close(self) -> None:
        """Release the loop's own descriptors."""
        self._selector.close()
        self._wake_receiver.close()
        self._wake_sender.close()

    def _run_once(self) -> None:
        for key, events in self._selector.select(self._timeout_s()):
            watch: _Watch = key.data
            if events & _WRITE and watch.on_writable is not None:
                watch.on_writable()
            if events & _READ and watch.on_readable is not None:
                watch.on_readable()
        self._run_due_timers()
        for _ in range(len(self._soon)):
            self._soon.popleft()()

    def _timeout_s(self) -> float | None:
        if self._soon:
            return 0
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        return max(0, self._timers[0][0] - self._clock.now_ns()) / SECOND

    def _run_due_timers(self) -> None:
        now_ns = self._clock.now_ns()
        due = []
        # All are taken first, so that a timer set meanwhile, for now or earlier, waits for its turn after sockets.
        while self._timers and self._timers[0][0] <= now_ns:
            due.append(heapq.heappop(self._timers)[2])
        for timer in due:
            if timer.callback is not None:
                timer.callback()

    def _drain_wake(self) -> None:
        try:
            while self._wake_receiver.recv(4096):
                pass
        except BlockingIOError:
            return
