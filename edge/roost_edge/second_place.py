"""What a subprocess of the agent's does first: it gives way to the agent. Only for the subprocess: it loads ctypes."""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Final

__all__ = ["take_second_place"]

_PR_SET_PDEATHSIG: Final = 1
_NICE: Final = 5  # the agent's loop goes first
_NICEST: Final = 19
_GROUP_NICE: Final = 10
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
    # An agent may be nice itself, and without privileges nobody becomes less so.
    agents = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(_NICE, min(_NICEST, agents + _NICE)))
    # Where the kernel groups processes by session (sched(7), autogroup), it is the group's nice value that counts.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(_GROUP_NICE), encoding="ascii")
    Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE), encoding="ascii")
    # 1 and not 0: at 0 the kernel still pipes a core to a handler such as systemd-coredump, see core(5).
    resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
