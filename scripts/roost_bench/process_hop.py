"""What handing work to another process costs on this machine, with nothing of ours in it."""

import os
import select
import signal
import socket
import statistics
import time

from scripts.roost_bench.bare_model import BareModel

__all__ = ["process_hop_ms"]


def process_hop_ms(rounds: int, bare: BareModel, payload: bytes) -> float:
    """Median milliseconds that a round trip to a process running `bare` takes beyond the run itself."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    child = os.fork()
    if not child:
        _serve(there, bare, payload)
    there.close()
    poll = select.epoll()
    poll.register(here, select.EPOLLIN)
    hops: list[float] = []
    with here, poll:
        for _ in range(rounds):
            time.sleep(0.001)  # as between requests: the processors fall idle
            began_ns = time.monotonic_ns()
            here.send(b"go")
            poll.poll()
            round_trip_ns = time.monotonic_ns() - began_ns
            run_ns = int.from_bytes(here.recv(8))
            hops.append((round_trip_ns - run_ns) / 1e6)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return statistics.median(hops)


def _serve(agent: socket.socket, bare: BareModel, payload: bytes) -> None:
    while agent.recv(8):
        began_ns = time.monotonic_ns()
        bare(payload)
        agent.send((time.monotonic_ns() - began_ns).to_bytes(8))
    os._exit(0)
