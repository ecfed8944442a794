"""The worker's process: `python -m roost_edge.workers.process TITLE AGENT_PID`, with its socket as standard input.

It loads what it is told to, proves each contestant alone on its golden vectors, then scores one input at a time until
the agent's end of the socket closes; in what order, `crew` says. One thread. It holds nothing that has to be saved, so
it may be killed at any moment.
"""

import gc
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from roost_edge.subprocesses.second_place import take_last_place
from roost_edge.subprocesses.serving import serve_agent
from roost_edge.workers import protocol
from roost_edge.workers.crew import Crew, Seat
from roost_edge.workers.describing import describe
from roost_edge.workers.gauge import Gauge
from roost_edge.workers.payload import map_payload
from roost_edge.workers.running_mark import NOBODY, MarkWriter
from roost_shared.errors import ContentError, DeviceError
from roost_shared.runtime_settings import RuntimeSettings

if TYPE_CHECKING:
    from roost_shared.pipeline import Base, Pipeline

__all__ = ["main"]

_RECEIVE: Final = int(socket.MSG_CMSG_CLOEXEC)  # an `|` of enums costs microseconds
_DO_NOT_WAIT: Final = int(socket.MSG_DONTWAIT)
_ANCILLARY_BYTES: Final = socket.CMSG_LEN(4)  # one descriptor


def main() -> None:
    """Serve the agent until it is gone."""
    serve_agent(_serve)


def _serve(agent: socket.socket) -> None:
    received = _receive(agent)
    if received is None:
        return
    load, descriptor = received
    if not isinstance(load, protocol.Load) or descriptor is None:
        raise protocol.ProtocolError("the agent must say Load first, with a mark")
    crew, ready = _assemble_gently(load, MarkWriter(descriptor))
    # What is loaded stays: the collector need never walk it again.
    gc.collect()
    gc.freeze()
    agent.send(protocol.encode(ready))
    if crew is not None:
        _score(agent, crew)


def _score(agent: socket.socket, crew: Crew) -> None:
    """Score what comes; what the crew owes beside, whenever nothing waits."""
    while True:
        try:
            received = _receive(agent, wait=not crew.owes)
        except BlockingIOError:
            agent.send(crew.catch_up())
            continue
        if received is None:
            return
        work, descriptor = received
        if not isinstance(work, protocol.Work) or not work.contestants or descriptor is None:
            raise protocol.ProtocolError("the agent must send Work with a contestant and a payload")
        for packet in crew.take(work, map_payload(descriptor)):
            agent.send(packet)


def _assemble_gently(load: protocol.Load, mark: MarkWriter) -> tuple[Crew | None, protocol.Ready]:
    """Assemble in a thread that runs when nobody else wants to, where that is asked for.

    A thread that has given up its place cannot take it again without privilege; another thread of the process never
    gave it up. A runtime that starts threads of its own would leave them behind in that place, so it is not done then.
    """
    if not load.gently or load.runtime.threads > 1:
        return _assemble(load, mark)
    assembled: list[tuple[Crew | None, protocol.Ready]] = []

    def assemble() -> None:
        with take_last_place():
            assembled.append(_assemble(load, mark))

    thread = threading.Thread(target=assemble, name="assemble")
    thread.start()
    thread.join()
    return assembled[0]


def _assemble(load: protocol.Load, mark: MarkWriter) -> tuple[Crew | None, protocol.Ready]:
    """Load and prove each contestant; None instead of a crew if none can be served."""
    base: Base | None = None
    seats: dict[str, Seat] = {}
    ready = protocol.Ready(protocol.PROTOCOL, [], [])
    for number, source in enumerate(load.contestants, start=1):
        mark.set(number)
        try:
            pipeline, about = _load(source, load.runtime, base)
        except Exception as error:  # noqa: BLE001 - the boundary of our task: the agent hears of it, reports, counts
            lasting = isinstance(error, ContentError | DeviceError | ImportError)
            ready.refused.append(protocol.Refused(source.contestant, describe(error), lasting))
            continue
        base = pipeline.base
        seats[source.contestant] = Seat(number, pipeline.head)
        ready.contestants.append(about)
    mark.set(NOBODY)
    if base is None:
        return None, ready
    phi = base.choose_phi() if load.measured_per_s else None
    gauge = None if phi is None else Gauge(phi.kind, phi.source, phi.of, at_least_per_s=load.measured_per_s)
    return Crew(base, seats, mark, load.limits, gauge), ready


def _load(
    source: protocol.ContestantSource, settings: RuntimeSettings, base: "Base | None"
) -> "tuple[Pipeline, protocol.Loaded]":
    """Open, load and prove one contestant, on `base` if there is one already.

    Raises:
        Exception: it cannot be served here.
    """
    # Here, because these take most of our start: we have given way to the agent by now, and can say what is
    # missing instead of only dying of it.
    from roost_edge.workers.hardware import hardware  # noqa: PLC0415 - see above
    from roost_shared.bundle import open_bundle  # noqa: PLC0415 - see above
    from roost_shared.pipeline import Pipeline  # noqa: PLC0415 - see above

    started_ns = time.monotonic_ns()
    bundle = open_bundle(Path(source.bundle_folder))
    opened_ns = time.monotonic_ns()
    pipeline = Pipeline.load(bundle, settings, base=base)
    loaded_ns = time.monotonic_ns()
    golden = pipeline.check_golden()
    about = protocol.Loaded(
        contestant=source.contestant,
        bundle=bundle.reference,
        open_us=(opened_ns - started_ns) // 1000,
        load_us=(loaded_ns - opened_ns) // 1000,
        golden_us=(time.monotonic_ns() - loaded_ns) // 1000 // bundle.config.golden.vectors,
        golden_hash=golden,
        hardware=hardware(settings),
    )
    return pipeline, about


def _receive(agent: socket.socket, *, wait: bool = True) -> tuple[protocol.FromAgent, int | None] | None:
    """The next message and the descriptor that rides on it; None once the agent is gone.

    Raises:
        BlockingIOError: there is none, and we are not to `wait`.
    """
    # Not `socket.recv_fds`: in CPython 3.11 it takes flags and ignores them.
    packet, ancillary, _, _ = agent.recvmsg(
        protocol.MESSAGE_LIMIT_BYTES, _ANCILLARY_BYTES, _RECEIVE if wait else _RECEIVE | _DO_NOT_WAIT
    )
    if not packet:
        return None
    descriptor = int.from_bytes(ancillary[0][2], sys.byteorder) if ancillary else None
    return protocol.decode_from_agent(packet), descriptor


if __name__ == "__main__":
    main()
