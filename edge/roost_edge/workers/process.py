"""The worker's process: `python -m roost_edge.workers.process TITLE`, with its socket as standard input.

It loads what it is told to, proves it on the golden vectors, then scores one input at a time until the agent's end
of the socket closes. One thread. It holds nothing that has to be saved, so it may be killed at any moment.
"""

import ctypes
import gc
import os
import resource
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final

from roost_edge.workers import protocol
from roost_edge.workers.payload import map_payload
from roost_shared.errors import ContentError, DeviceError, RoostError
from roost_shared.messages import ErrorInfo
from roost_shared.runtime_settings import RuntimeSettings

if TYPE_CHECKING:
    from roost_shared.pipeline import Pipeline

__all__ = ["main"]

_PR_SET_PDEATHSIG: Final = 1
_NICE: Final = 5  # the agent's loop goes first
_OOM_SCORE: Final = 500  # of 1000: when memory runs out, the kernel shall take us and leave the agent
_MESSAGE_CHARS: Final = 500


class _RefusedError(Exception):
    """A contestant cannot be served."""

    def __init__(self, refused: protocol.Refused) -> None:
        super().__init__(refused.error.message)
        self.refused = refused


def main() -> None:
    """Serve the agent until it is gone."""
    _take_second_place()
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as agent:
        try:
            _serve(agent)
        except (BrokenPipeError, ConnectionResetError):
            return  # the agent is gone


def _take_second_place() -> None:
    """Give way to the agent in all things: in time, in memory, in dying; and keep inputs out of core files."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    # A service manager signals every process of the unit. The agent still has requests in flight then, and stops us.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE), encoding="ascii")
    # 1 and not 0: at 0 the kernel still pipes a core to a handler such as systemd-coredump, see core(5).
    resource.setrlimit(resource.RLIMIT_CORE, (1, 1))


def _serve(agent: socket.socket) -> None:
    received = _receive(agent)
    if received is None:
        return
    load, _ = received
    if not isinstance(load, protocol.Load):
        raise protocol.ProtocolError("the agent must say Load first")
    try:
        loaded = [_load(source, load.runtime) for source in load.contestants]
    except _RefusedError as error:
        agent.send(protocol.encode(error.refused))
        return
    pipelines = {about.contestant: pipeline for pipeline, about in loaded}
    # What is loaded stays: the collector need never walk it again.
    gc.collect()
    gc.freeze()
    agent.send(protocol.encode(protocol.Ready(protocol.PROTOCOL, [about for _, about in loaded])))
    while (received := _receive(agent)) is not None:
        work, descriptor = received
        if not isinstance(work, protocol.Work) or descriptor is None:
            raise protocol.ProtocolError("the agent must send Work with a payload")
        _do(agent, work, descriptor, pipelines, load)


def _load(source: protocol.ContestantSource, settings: RuntimeSettings) -> "tuple[Pipeline, protocol.Loaded]":
    """Open, load and prove one contestant.

    Raises:
        _RefusedError: it cannot be served here.
    """
    started_ns = time.monotonic_ns()
    try:
        # Here, because these take most of our start: we have given way to the agent by now, and can say what is
        # missing instead of only dying of it.
        from roost_shared.bundle import open_bundle  # noqa: PLC0415 - see above
        from roost_shared.pipeline import Pipeline  # noqa: PLC0415 - see above

        bundle = open_bundle(Path(source.bundle_folder))
        opened_ns = time.monotonic_ns()
        pipeline = Pipeline.load(bundle, settings)
        loaded_ns = time.monotonic_ns()
        pipeline.check_golden()
    except Exception as error:  # the boundary of our task: the agent hears of it, reports and counts it
        lasting = isinstance(error, ContentError | DeviceError | ImportError)
        raise _RefusedError(protocol.Refused(source.contestant, _describe(error), lasting)) from error
    about = protocol.Loaded(
        contestant=source.contestant,
        bundle=bundle.reference,
        open_us=(opened_ns - started_ns) // 1000,
        load_us=(loaded_ns - opened_ns) // 1000,
        golden_us=(time.monotonic_ns() - loaded_ns) // 1000 // bundle.config.golden.vectors,
    )
    return pipeline, about


def _receive(agent: socket.socket) -> tuple[protocol.FromAgent, int | None] | None:
    """Wait for the next message and the descriptor that rides on it; None once the agent is gone."""
    packet, descriptors, _, _ = socket.recv_fds(agent, protocol.MESSAGE_LIMIT_BYTES, 1, flags=socket.MSG_CMSG_CLOEXEC)
    if not packet:
        return None
    return protocol.decode_from_agent(packet), descriptors[0] if descriptors else None


def _do(
    agent: socket.socket,
    work: protocol.Work,
    descriptor: int,
    pipelines: "dict[str, Pipeline]",
    load: protocol.Load,
) -> None:
    """Score one input by each contestant asked for, replying as each has its score."""
    payload = map_payload(descriptor)
    for contestant in work.contestants:
        started_ns = time.monotonic_ns()
        try:
            scored = pipelines[contestant].score(
                payload, content_type=work.content_type, inject=work.inject, limits=load.limits
            )
            took_us = (time.monotonic_ns() - started_ns) // 1000
            packet = protocol.encode(protocol.Done(work.sequence, contestant, scored, took_us))
        except Exception as error:  # noqa: BLE001 - the boundary of a job: the agent hears and counts it, we go on
            packet = protocol.encode(protocol.Failed(work.sequence, contestant, _describe(error)))
        agent.send(packet)


def _describe(error: Exception) -> ErrorInfo:
    """What to tell of an error; of one that is a fault of ours also where it was raised, for no log will."""
    if isinstance(error, RoostError):
        return ErrorInfo(error.code, str(error)[:_MESSAGE_CHARS])
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return ErrorInfo(protocol.FAULT, f"{type(error).__name__}{where}: {error}"[:_MESSAGE_CHARS])


if __name__ == "__main__":
    main()
