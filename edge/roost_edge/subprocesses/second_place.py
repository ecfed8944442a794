"""What a subprocess of the agent's does first: it gives way to the agent. Only for the subprocess: it loads ctypes."""

import contextlib
import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from roost_edge.subprocesses.places import LAST_GROUP_NICE, LAST_NICE, SECOND_GROUP_NICE, SECOND_NICE, group_nice

__all__ = ["take_last_place", "take_second_place"]

_PR_SET_PDEATHSIG: Final = 1
_GROUP_LOOKS: Final = 50  # at whether the kernel takes a group's nice value now; it does so ten times a second at most
_GROUP_LOOK_S: Final = 0.02
_OOM_SCORE: Final = 500  # of 1000: when memory runs out, the kernel shall take us and leave the agent


def take_second_place(agent_pid: int) -> None:
    """Give way to the agent in all things: in time, in memory, in dying; and keep inputs out of core files.

    Args:
        agent_pid: of the agent, as it told us when it started us.

    Raises:
        OSError: the kernel will not end us with the agent.
        SystemExit: the agent is gone already.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    # The kernel ends us with a parent that dies from now on; one that died before has left us to another.
    if os.getppid() != agent_pid:
        sys.exit("the agent that started this process is gone")
    # A service manager signals every process of the unit. The agent still has requests in flight then, and stops us.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # An agent that was started further back keeps its processes there too: without privilege nobody may come forward.
    os.setpriority(os.PRIO_PROCESS, 0, max(SECOND_NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    # Where the kernel groups processes by session (sched(7), autogroup), it is the group's nice value that counts.
    _place_group(SECOND_GROUP_NICE)
    Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE), encoding="ascii")
    # 1 and not 0: at 0 the kernel still pipes a core to a handler such as systemd-coredump, see core(5).
    resource.setrlimit(resource.RLIMIT_CORE, (1, 1))


@contextlib.contextmanager
def take_last_place() -> Iterator[None]:
    """Have the thread that calls this run when nobody else wants to; meanwhile no other of the process should work.

    Without privilege the thread keeps that place for good, and so do threads that it starts. What else the process
    does afterwards is not affected.
    """
    os.setpriority(os.PRIO_PROCESS, 0, LAST_NICE)  # of this thread alone, see setpriority(2)
    _place_group(LAST_GROUP_NICE)
    try:
        yield
    finally:
        _place_group(SECOND_GROUP_NICE)


def _place_group(nice: int) -> None:
    """Set our session's nice value, where the kernel has such and it is another."""
    if group_nice() in (None, nice):
        return
    for _ in range(_GROUP_LOOKS):
        try:
            Path("/proc/self/autogroup").write_text(str(nice), encoding="ascii")
        except BlockingIOError:
            time.sleep(_GROUP_LOOK_S)
        except OSError:
            return
        else:
            return
