"""Serves the agent out of the spool: orders in, outcomes and batches for the cloud out."""

import hashlib
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from roost_edge.spool.errors import SpoolBusyError, SpoolError
from roost_edge.spool.interface import NewEntry, Note
from roost_edge.spool.limits import SpoolLimits
from roost_edge.spool.store import Spool
from roost_edge.spooler import protocol
from roost_edge.spooler.courier import Courier
from roost_edge.spooler.settings import SpoolerSettings
from roost_edge.subprocesses.packets import receive, send
from roost_edge.workers.payload import map_payload
from roost_shared.clock import MS, SECOND, Clock, SystemClock
from roost_shared.messages import ErrorInfo
from roost_shared.records import InputInfo, encode_msgpack, encode_record

__all__ = ["serve"]

_SPOOL: Final = "spool"  # in the agent's state folder
_TOGETHER: Final = 128  # orders to a commit
_TOGETHER_BYTES: Final = 32 << 20
_GATHER_NS: Final = 100 * MS  # beside its inputs a commit writes some 15 kB: worth waiting for a few more of them
_GATHER_BYTES: Final = 256 << 10  # and not worth it any more
_TICK_NS: Final = 60 * SECOND
_TELL_NS: Final = 1 * SECOND
_COURIER_PATIENCE_S: Final = 1.0
_BUSY_NS: Final = 4 * SECOND  # within the agent's patience at its start
_BUSY_LOOK_S: Final = 0.05
_FAULTS: Final = 16  # told at a time; the spool counts them all

_Value = TypeVar("_Value")


def serve(agent: socket.socket, settings: SpoolerSettings) -> None:
    """Serve until the agent says that it stops, or is gone.

    Raises:
        SpoolError: the spool cannot be opened; the agent has been told why.
        CourierEndedError: nothing is uploaded any more; another process may fare better.
        OSError: the agent is gone.
    """
    clock = SystemClock()
    limits = SpoolLimits(
        quota_bytes=settings.spool_bytes, reserve_bytes=settings.free_disk_bytes, age_s=settings.retention_s
    )
    try:
        spool = _open(settings, limits, clock)
    except SpoolError as error:
        _send(agent, protocol.Status({}, [ErrorInfo(error.code, str(error))]))
        raise
    courier = Courier(spool, settings)
    try:
        courier.start()
        _send(agent, protocol.Ready())
        _Service(agent, spool, courier, clock).run()
    finally:
        courier.stop(_COURIER_PATIENCE_S)
        spool.close()


def _open(settings: SpoolerSettings, limits: SpoolLimits, clock: Clock) -> Spool:
    """The spool, once the process before us has let it go: its agent may have died a moment ago."""
    give_up_ns = clock.now_ns() + _BUSY_NS
    while True:
        try:
            return Spool(Path(settings.state_dir) / _SPOOL, settings.boot, limits, clock.now_ns())
        except SpoolBusyError:
            if clock.now_ns() >= give_up_ns:
                raise
            time.sleep(_BUSY_LOOK_S)


def _send(agent: socket.socket, message: protocol.FromSpooler) -> None:
    send(agent, protocol.encode(message), [])


class _Order(msgspec.Struct):
    """A `Keep` with its bytes, in our memory from here on."""

    message: protocol.Keep
    payload: memoryview


class _Service:
    def __init__(self, agent: socket.socket, spool: Spool, courier: Courier, clock: Clock) -> None:
        self._agent = agent
        self._spool = spool
        self._courier = courier
        self._clock = clock
        self._faults: list[ErrorInfo] = []
        self._told: dict[str, Any] = {}
        self._tell_ns = self._tick_ns = clock.now_ns()
        self._finished = self._hurried = False

    def run(self) -> None:
        """Serve."""
        while not self._finished:
            self._take(self._timeout_s())
            self._send_batches()
            now_ns = self._clock.now_ns()
            self._spool.pass_time(now_ns)
            if now_ns >= self._tick_ns:
                self._tick_ns = now_ns + _TICK_NS
                self._guarded(lambda: self._spool.tick(self._clock.now_ns()))
                self._courier.look()
            if now_ns >= self._tell_ns:
                self._tell_ns = now_ns + _TELL_NS
                self._tell()
                self._courier.check()

    def _timeout_s(self) -> float:
        moments = [self._tick_ns, self._tell_ns, self._spool.next_look_ns()]
        soonest_ns = min(moment for moment in moments if moment is not None)
        return max(0.0, (soonest_ns - self._clock.now_ns()) / SECOND)

    # ---- from the agent

    def _take(self, timeout_s: float) -> None:
        """Wait for orders, and commit all that are there, or come within a moment if nobody hurries us."""
        keeps: list[_Order] = []
        notes: list[protocol.Note] = []
        size_bytes = 0
        commit_ns: int | None = None
        self._hurried = False
        while len(keeps) + len(notes) < _TOGETHER and size_bytes < _TOGETHER_BYTES:
            if not select.select([self._agent], [], [], timeout_s)[0]:
                break
            data, descriptors = receive(self._agent)
            if not data:
                self._finished = True
                break
            message = protocol.decode_from_agent(data)
            match message:
                case protocol.Keep():
                    (descriptor,) = descriptors
                    keeps.append(_Order(message, map_payload(descriptor)))
                    size_bytes += len(keeps[-1].payload)
                case protocol.Note():
                    notes.append(message)
                    size_bytes += len(message.record)
                case _:
                    self._hear(message)
            timeout_s = 0.0
            if (keeps or notes) and size_bytes < _GATHER_BYTES and not self._hurried:
                now_ns = self._clock.now_ns()
                commit_ns = now_ns + _GATHER_NS if commit_ns is None else commit_ns
                timeout_s = max(0.0, (commit_ns - now_ns) / SECOND)
        if keeps or notes:
            self._commit(keeps, notes)

    def _hear(self, message: protocol.FromAgent) -> None:
        now_ns = self._clock.now_ns()
        match message:
            case protocol.Raise():
                self._spool.raise_priority(message.sample, message.priority, message.likelier)
            case protocol.Covered():
                self._guarded(lambda: self._spool.watermark(message.boot, message.sequence, now_ns))
            case protocol.Link(up=True):
                self._spool.link_up(now_ns)
                self._courier.look()  # it may be back because the identity is another
                self._courier.wake()
            case protocol.Link():
                self._spool.link_down()
            case protocol.Hurry():
                self._hurried = True
            case protocol.Finish():
                self._finished = self._hurried = True

    def _commit(self, keeps: list[_Order], notes: list[protocol.Note]) -> None:
        new = [_entry(order) for order in keeps]
        records = [Note(record=note.record, number=note.number) for note in notes]
        settled = protocol.Settled([], [])
        if new:
            outcomes = self._spool.append(new, records, now_ns=self._clock.now_ns())
            for order, outcome in zip(keeps, outcomes, strict=True):
                if outcome.error is None:
                    settled.durable.append(order.message.number)
                else:
                    settled.refused.append((order.message.number, outcome.error))
        else:
            self._guarded(lambda: self._spool.note(records, now_ns=self._clock.now_ns()))
        settled.durable.extend(note.number for note in notes)  # the spool counts those it had to give up
        _send(self._agent, settled)

    # ---- to the agent

    def _send_batches(self) -> None:
        while True:
            batch = self._guarded(lambda: self._spool.next_batch(self._clock.now_ns()))
            if batch is None:
                return
            _send(self._agent, protocol.Outgoing(encode_msgpack(batch)))

    def _tell(self) -> None:
        figures = {**self._spool.describe(), "upload": self._courier.describe()}
        if figures != self._told or self._faults:
            _send(self._agent, protocol.Status(figures, self._faults))
            self._told, self._faults = figures, []

    def _guarded(self, do: Callable[[], _Value]) -> _Value | None:
        """Do it; a fault of the disk is told, and it is done again in its time."""
        try:
            return do()
        except SpoolError as error:
            if len(self._faults) < _FAULTS:
                self._faults.append(ErrorInfo(error.code, str(error)))
            return None


def _entry(order: _Order) -> NewEntry:
    """What the spool keeps of an order: the record tells of the input, now that its bytes are read."""
    message = order.message
    digest = hashlib.sha256(order.payload).digest()
    info = InputInfo(sha256=digest.hex(), size_bytes=len(order.payload), content_type=message.content_type)
    return NewEntry(
        sample=message.record.sample,
        task=message.record.answer.task,
        priority=message.priority,
        probability=message.record.probability,
        record=encode_record(msgspec.structs.replace(message.record, input=info)),
        payload=order.payload,
        sha256=digest,
        content_type=message.content_type,
        correlation=message.correlation.encode(),
        redelivered=message.redelivered,
        made_here=True,
    )
