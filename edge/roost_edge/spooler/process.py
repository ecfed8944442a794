"""The spooler's process: `python -m roost_edge.spooler.process TITLE AGENT_PID SETTINGS`, socket as standard input.

One thread takes orders from the agent and commits them, together whatever came while it was committing the ones
before; another uploads (`courier`). What it has not said to be settled, the agent sends again to whoever comes after
it, so it may be killed at any moment.
"""

import os
import socket
import sys

import msgspec

from roost_edge.subprocesses.second_place import take_second_place

__all__ = ["main"]


def main() -> None:
    """Serve the agent until it is gone."""
    take_second_place(int(sys.argv[2]))
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as agent:
        # Here, because it takes most of our start: we have given way to the agent by now.
        from roost_edge.spooler.service import serve  # noqa: PLC0415 - see above
        from roost_edge.spooler.settings import SpoolerSettings  # noqa: PLC0415

        settings = msgspec.json.decode(sys.argv[3], type=SpoolerSettings)
        try:
            serve(agent, settings)
        except (BrokenPipeError, ConnectionResetError):
            return  # the agent is gone


if __name__ == "__main__":
    main()
