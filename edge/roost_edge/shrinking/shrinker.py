"""Shrinks pictures in a process of its own, one after the other; it is started by the first that could be shrunken.

`shrink` takes a picture or refuses; of one that was taken, whoever gave it hears once, unless it forgets it before.
A process that dies, hangs or talks nonsense costs what it was given, is killed, and is started anew after a while.
"""

import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from roost_edge.loop.reactor import Reactor
from roost_edge.shrinking import protocol
from roost_edge.subprocesses.companion import Companion
from roost_edge.workers import SharedPayload
from roost_shared.backoff import Backoff
from roost_shared.chance import CHANCE
from roost_shared.clock import MS, SECOND
from roost_shared.complaints import Complaints
from roost_shared.limits import InputLimits
from roost_shared.messages import ErrorInfo
from roost_shared.questions import InputSize

__all__ = ["LOST", "Order", "Outcome", "Shrinker"]

_MODULE: Final = "roost_edge.shrinking.process"
_HUNG_NS: Final = 3 * SECOND  # for one picture: beyond any deadline that a photo's question could still meet
_START_NS: Final = 30 * SECOND
_WAITING: Final = 4  # pictures, besides the one the process has
_FIRST_PAUSE_NS: Final = 1 * SECOND
_LONGEST_PAUSE_NS: Final = 300 * SECOND
_FIRST_GUESS_NS: Final = 50 * MS  # a picture takes, as long as none was shrunken

LOST: Final = ErrorInfo("shrink.crashed", "the process that shrinks pictures ended")

Outcome = bytes | ErrorInfo  # the picture as PNG, or why it is to be sent as it is


class Order(msgspec.Struct, eq=False):
    """A picture to be shrunken; `payload` is held by whoever gives it, until it hears or forgets."""

    payload: SharedPayload
    size: InputSize
    done: Callable[[Outcome], object]
    forgotten: bool = False


class Shrinker:
    """The process as the agent sees it.

    Args:
        reactor: the agent's loop, whose thread makes this.
        complaints: hears of a process that fails.
        limits: of pictures.
        hung_ns: a process that takes so long for one picture is killed.
    """

    def __init__(
        self, reactor: Reactor, complaints: Complaints, limits: InputLimits, *, hung_ns: int = _HUNG_NS
    ) -> None:
        self.expected_ns = _FIRST_GUESS_NS  # what one picture takes
        self._reactor = reactor
        self._complaints = complaints
        self._limits = limits
        self._hung_ns = hung_ns
        self._backoff = Backoff(_FIRST_PAUSE_NS, _LONGEST_PAUSE_NS)
        self._not_before_ns = 0
        self._process: Companion | None = None
        self._ready = False
        self._current: Order | None = None
        self._began_ns = 0
        self._waiting: deque[Order] = deque()

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return None if self._process is None else self._process.pid

    def shrink(self, order: Order) -> bool:
        """Take a picture; False if there is no process for it yet, or enough wait."""
        if self._process is None and self._reactor.now_ns() >= self._not_before_ns:
            self._start()
        if not self._ready or len(self._waiting) >= _WAITING:
            return False
        self._waiting.append(order)
        self._next()
        return True

    def forget(self, order: Order) -> None:
        """Nobody waits for this picture any more."""
        order.forgotten = True
        if order in self._waiting:
            self._waiting.remove(order)

    def close(self) -> None:
        """End the process; whoever waits hears nothing."""
        self._waiting.clear()
        self._current = None
        self._end()

    # ---- the process

    def _start(self) -> None:
        try:
            self._process = Companion(
                _MODULE, "roost-shrinker", self._reactor, on_readable=self._read, on_silent=self._fail
            )
        except OSError as error:
            self._fail(f"it cannot be started: {error}")
            return
        self._process.expect(_START_NS, "it does not start")

    def _end(self) -> str:
        """Kill and reap it; what it died of."""
        process, self._process = self._process, None
        self._ready = False
        return "" if process is None else process.end()

    def _fail(self, why: str) -> None:
        """Have no more of this process; the next picture after a pause starts another."""
        self._end()
        self._not_before_ns = self._reactor.now_ns() + self._backoff.next_ns(0.5 + CHANCE.random() / 2)
        self._complaints.note(LOST.code, why)
        current, self._current = self._current, None
        lost = [*([] if current is None else [current]), *self._waiting]
        self._waiting.clear()
        for order in lost:
            if not order.forgotten:
                order.done(LOST)

    # ---- pictures

    def _next(self) -> None:
        process = self._process
        if self._current is not None or not self._waiting or process is None or not self._ready:
            return
        order = self._waiting.popleft()
        packet = protocol.encode(protocol.Shrink(order.size, self._limits))
        try:
            socket.send_fds(process.socket, [packet], [order.payload.fileno()])
        except OSError:
            # It has died, of which its socket tells next: the picture goes as it is.
            self._waiting.appendleft(order)
            return
        self._current, self._began_ns = order, self._reactor.now_ns()
        process.expect(self._hung_ns, f"it hangs: {self._hung_ns // MS} ms for one picture")

    def _read(self, process: Companion) -> None:
        try:
            packet, descriptors, flags, _ = socket.recv_fds(process.socket, protocol.MESSAGE_LIMIT_BYTES, 1)
        except BlockingIOError:
            return
        except ConnectionResetError:
            packet, descriptors, flags = b"", [], 0
        try:
            if not packet:
                self._fail(f"it ended: {self._end()}")
            elif flags & socket.MSG_TRUNC:
                self._fail("it sent more than a message")
            else:
                process.heard()
                self._hear(protocol.decode_from_shrinker(packet), descriptors)
        except protocol.ShrinkerProtocolError as error:
            self._fail(str(error))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _hear(self, message: protocol.FromShrinker, descriptors: list[int]) -> None:
        if isinstance(message, protocol.Ready):
            self._ready = True
            return
        order = self._current
        if order is None:
            raise protocol.ShrinkerProtocolError("it answers what was not asked")
        outcome: Outcome = (
            message.error if isinstance(message, protocol.Kept) else _picture(message, descriptors, order.payload)
        )
        self._current = None
        self._backoff.reset()
        took_ns = self._reactor.now_ns() - self._began_ns
        # Quick to believe that it is slow, slow to believe that it is quick.
        self.expected_ns = max(took_ns, self.expected_ns - self.expected_ns // 8)
        if not order.forgotten:
            order.done(outcome)
        self._next()


def _picture(message: protocol.Shrunk, descriptors: list[int], original: SharedPayload) -> bytes:
    """The picture behind a descriptor; the process has opened foreign bytes, so it is not trusted with ours.

    Raises:
        ShrinkerProtocolError: there is none, or it is not what was said.
    """
    if len(descriptors) != 1 or not 0 < message.picture_bytes < original.payload_bytes:
        raise protocol.ShrinkerProtocolError("it sent no picture that is smaller than the original")
    try:
        picture = os.pread(descriptors[0], message.picture_bytes, 0)
    except OSError as error:
        raise protocol.ShrinkerProtocolError(f"its picture cannot be read: {error}") from error
    if len(picture) != message.picture_bytes:
        raise protocol.ShrinkerProtocolError("its picture ends early")
    return picture
