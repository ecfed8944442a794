"""A subprocess of the agent's: how it is started, and what it died of.

It gets one end of a socket pair as its standard input. It is its own session, so that Ctrl-C on a terminal reaches the
agent alone, which then stops it in its own time; `second_place` is what it does first itself, told our pid so that it
knows whether we still live.
"""

import os
import signal
import socket
import subprocess
import sys
from typing import Final

from roost_edge.subprocesses.places import give_second_place

__all__ = ["describe_end", "spawn"]

_STDERR: Final = 2
# One thread of arithmetic and one heap. Libraries read these when loaded, so they have to be set before.
_ENVIRONMENT: Final = {"MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def spawn(module: str, title: str, theirs: socket.socket, *arguments: str) -> subprocess.Popen[bytes]:
    """Run `python -m module title pid` with `theirs` as its standard input; `arguments` follow our pid.

    Must be called by the thread that runs the reactor: the kernel kills the process when that thread ends.

    Raises:
        OSError: the machine has no descriptor, process or memory left.
    """
    process = subprocess.Popen(
        # -P: a numpy.py in the folder the agent was started from is not ours.
        [sys.executable, "-P", "-m", module, title, str(os.getpid()), *arguments],
        stdin=theirs.fileno(),
        stdout=_STDERR,  # what libraries print must not mix with what the agent prints
        env=os.environ | _ENVIRONMENT,
        start_new_session=True,
    )
    give_second_place(process.pid)
    return process


def describe_end(returncode: int) -> str:
    """What a process died of, for a person."""
    if returncode >= 0:
        return f"exited with status {returncode}"
    try:
        return f"killed by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"killed by signal {-returncode}"
