"""An agent that dies before its processes have asked to die with it leaves none of them behind."""

import os
import socket
import subprocess
import sys
from textwrap import dedent

import pytest

TRIES = 5
MORTAL = """
    import os, socket, sys
    from roost_edge.subprocesses.offspring import spawn
    module, descriptor = sys.argv[1:]
    with socket.socket(fileno=int(descriptor)) as theirs:
        spawn(module, "orphan", theirs, "no settings: it does not get as far as to read them")
        os._exit(0)  # long before an interpreter has started
"""


@pytest.mark.parametrize("module", ["spooler", "workers", "shrinking"])
def test_a_process_whose_agent_died_while_it_started_ends(module: str) -> None:
    # On a busy machine it may just have asked the kernel to end it then, which does so without a word: not each time.
    assert any("the agent that started this process is gone" in orphaned(module) for _ in range(TRIES))


def orphaned(module: str) -> str:
    """What a process says whose agent has died; it has ended."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        command = [sys.executable, "-c", dedent(MORTAL), f"roost_edge.{module}.process", str(theirs.fileno())]
        agent = subprocess.run(
            command, pass_fds=[theirs.fileno()], stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
        theirs.close()
        ours.settimeout(60)
        assert ours.recv(1) == b"", "nobody has the other end any more, though ours is still open"
    assert agent.returncode == 0
    return agent.stderr


POLITE = """
    import os
    from roost_edge.subprocesses.second_place import take_second_place
    os.nice(7)
    take_second_place(os.getppid())
    print(os.getpriority(os.PRIO_PROCESS, 0))
"""


def test_a_process_of_a_nice_agent_starts_without_privileges_too() -> None:
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    process = subprocess.run(
        ["setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice", sys.executable, "-c", dedent(POLITE)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (process.returncode, process.stderr) == (0, "")
    assert int(process.stdout) == min(19, ours + 7)
