"""What a subprocess of the agent's is: `python -m MODULE TITLE AGENT_PID …`, with its socket as standard input."""

import os
import socket
import sys
from collections.abc import Callable

from roost_edge.subprocesses.second_place import take_second_place

__all__ = ["serve_agent"]


def serve_agent(serve: Callable[[socket.socket], None]) -> None:
    """Give way to the agent, and serve it until it is gone.

    Args:
        serve: by this socket; what takes long to load is best loaded in it.
    """
    take_second_place(int(sys.argv[2]))
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as agent:
        try:
            serve(agent)
        except (BrokenPipeError, ConnectionResetError):
            return  # the agent is gone
