"""The agent's side of the spooler: orders go out, each is settled once, and what a dead process had is sent again.

An order is durable or refused when it is settled, and only then does its giver hear. A process that dies, hangs or
talks nonsense is killed and started anew after a while, and gets every order that was not settled once more; it knows
those that it had committed. Nothing here waits: what the socket does not take lies in a queue, which `room_bytes`
bounds.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from roost_edge.decoy.interface import Done
from roost_edge.loop.reactor import Reactor
from roost_edge.spooler import protocol
from roost_edge.subprocesses.attendant import Attendant
from roost_edge.workers import SharedPayload
from roost_shared.clock import SECOND
from roost_shared.complaints import Complaints
from roost_shared.messages import ErrorInfo
from roost_shared.records import SampleRecord, Watermark

__all__ = ["Spooler"]

_MODULE: Final = "roost_edge.spooler.process"
_COMING_NS: Final = 10 * SECOND  # a process that died, and one more whose spool the dead one still held
_HUNG_NS: Final = 60 * SECOND  # with orders and not a word: a card may stall for seconds
_ORDERS: Final = 256  # that are not settled: each costs a descriptor
_HOPELESS: Final = 3  # processes in a row that settled nothing: nobody waits for the next
DOWN: Final = ErrorInfo("spooler.down", "the process that keeps inputs does not run")


class _Order(msgspec.Struct, eq=False):
    message: protocol.Keep | protocol.Note
    done: Done
    payload: SharedPayload | None
    weight_bytes: int


class Spooler:
    """The process as the agent sees it.

    Args:
        arguments: one JSON document, which tells the process all it has to know.
        reactor: the agent's loop, whose thread makes this.
        complaints: hears of a process that fails, and of what it tells of faults.
        room_bytes: payloads and records that may wait for the disk.
    """

    def __init__(self, arguments: str, reactor: Reactor, complaints: Complaints, *, room_bytes: int) -> None:
        self.outgoing: Callable[[bytes], object] | None = None  # gets batches of records for the cloud
        self.on_started: Callable[[], object] | None = None  # called once `is_starting` is over
        self.is_starting = True  # the first process has neither come up nor failed yet
        self.figures: dict[str, Any] = {}
        self._reactor = reactor
        self._complaints = complaints
        self._room_bytes = room_bytes
        self._waiting_bytes = 0
        self._failures = 0  # in a row
        self._away_ns: int | None = None  # since when nothing is settled, because there is no process to do it
        self._number = 0
        self._orders: dict[int, _Order] = {}  # not settled, in order
        self._process = Attendant(_MODULE, "roost-spooler", arguments, reactor, hear=self._hear, lost=self._lost)
        self._link_up = False

    # ---- what the agent tells

    def start(self) -> None:
        """Start the process."""
        self._away_ns = self._reactor.now_ns()
        self._process.start()

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        """It takes orders; until then, and while there is no process, they wait."""
        return self._process.ready

    @property
    def is_coming(self) -> bool:
        """It will take orders in a moment; see `Keeper`. Not for ever: a large spool on a slow card is no moment."""
        return not self.is_ready and self._away_ns is not None and self._reactor.now_ns() < self._away_ns + _COMING_NS

    @property
    def unsettled(self) -> int:
        """Orders that are neither durable nor refused."""
        return len(self._orders)

    def keep(
        self,
        record: SampleRecord,
        payload: SharedPayload,
        done: Done,
        *,
        priority: int,
        content_type: str | None,
        correlation: str,
        redelivered: bool,
    ) -> bool:
        """Have an input kept; see `Keeper`."""
        if not self._has_room(payload.payload_bytes):
            return False
        self._number += 1
        message = protocol.Keep(self._number, priority, record, content_type, correlation, redelivered)
        self._order(_Order(message, done, payload.hold(), payload.payload_bytes))
        return True

    def note(self, record: bytes, done: Done) -> bool:
        """Have a record kept for the cloud; see `Keeper`."""
        if not self._has_room(len(record)):
            return False
        self._number += 1
        self._order(_Order(protocol.Note(self._number, record), done, None, len(record)))
        return True

    def hurry(self) -> None:
        """Have what was ordered committed now."""
        self._tell(protocol.Hurry())

    def raise_priority(self, sample: str, priority: int, likelier: float = 1.0) -> None:
        """Something speaks for an input that is kept already, or will be; lost with a process that dies right then."""
        for order in self._orders.values():
            message = order.message
            if isinstance(message, protocol.Keep) and message.record.sample == sample:
                probability = min(1.0, message.record.probability * likelier)
                record = msgspec.structs.replace(message.record, probability=probability)
                order.message = msgspec.structs.replace(
                    message, priority=max(priority, message.priority), record=record
                )
        self._tell(protocol.Raise(sample, priority, likelier))

    def covered(self, watermark: Watermark) -> None:
        """The cloud has these records; it says so again as long as we send them."""
        self._tell(protocol.Covered(watermark.boot, watermark.sequence))

    def link(self, *, up: bool) -> None:
        """Records can be sent to the cloud, or no more."""
        if up != self._link_up:
            self._link_up = up
            self._tell(protocol.Link(up))

    def stop(self, patience_ns: int, on_stopped: Callable[[], None]) -> None:
        """Have it commit what it has and end; after `patience_ns` it is killed."""
        self._process.finish(protocol.encode(protocol.Finish()), patience_ns, on_stopped)

    def close(self) -> None:
        """Kill the process; whoever waits hears nothing."""
        self._process.close()
        for order in self._orders.values():
            _let_go(order)
        self._orders.clear()

    # ---- the process

    def _lost(self, why: str) -> None:
        """A process is lost; another follows, unless it shall not."""
        if self._away_ns is None:
            self._away_ns = self._reactor.now_ns()
        self._started()
        if self._process.is_ending:
            return
        self._complaints.note("spooler.failed", why)
        self._failures += 1
        if self._failures >= _HOPELESS:
            self._settle(protocol.Settled([], [(number, DOWN) for number in self._orders]))

    def _started(self) -> None:
        was_starting, self.is_starting = self.is_starting, False
        if was_starting and self.on_started is not None:
            self.on_started()

    # ---- to it

    def _has_room(self, size_bytes: int) -> bool:
        return (
            self._failures < _HOPELESS
            and len(self._orders) < _ORDERS
            and self._waiting_bytes + size_bytes <= self._room_bytes
        )

    def _order(self, order: _Order) -> None:
        self._orders[order.message.number] = order
        self._waiting_bytes += order.weight_bytes
        if self.is_ready:
            if len(self._orders) == 1:
                self._expect_word()
            self._process.send(protocol.encode(order.message), order.payload)

    def _tell(self, message: protocol.FromAgent) -> None:
        """What matters only to a process that is there."""
        if self.is_ready:
            self._process.send(protocol.encode(message))

    def _expect_word(self) -> None:
        """While there are orders, some must be settled within a while."""
        self._process.heard()
        if self._orders:
            self._process.expect(_HUNG_NS, "it hangs")

    # ---- from it

    def _hear(self, packet: bytes) -> None:
        message = protocol.decode_from_spooler(packet)
        match message:
            case protocol.Ready():
                self._begin()
            case protocol.Settled():
                self._process.is_of_use()
                self._failures = 0
                self._away_ns = None
                self._settle(message)
            case protocol.Outgoing():
                if self.outgoing is not None:
                    self.outgoing(message.batch)
            case protocol.Status():
                self.figures = message.figures
                for fault in message.faults:
                    self._complaints.note(fault.code, fault.message)

    def _begin(self) -> None:
        """It is ready: give it what the one before left unsettled."""
        self._process.ready = True
        self._failures = min(self._failures, _HOPELESS - 1)  # it may be of use again
        if self._link_up:
            self._tell(protocol.Link(up=True))
        for order in self._orders.values():
            self._process.send(protocol.encode(order.message), order.payload)
        self._expect_word()
        self._started()

    def _settle(self, message: protocol.Settled) -> None:
        outcomes: Sequence[tuple[int, ErrorInfo | None]] = [
            *((number, None) for number in message.durable),
            *message.refused,
        ]
        for number, error in outcomes:
            order = self._orders.pop(number, None)
            if order is not None:
                self._waiting_bytes -= order.weight_bytes
                _let_go(order)
                order.done(error)
        self._expect_word()


def _let_go(order: _Order) -> None:
    if order.payload is not None:
        order.payload.release()
