"""The spooler's process: `python -m roost_edge.spooler.process TITLE AGENT_PID SETTINGS`, socket as standard input.

One thread takes orders from the agent and commits them, together whatever came while it was committing the ones
before; another uploads (`courier`). What it has not said to be settled, the agent sends again to whoever comes after
it, so it may be killed at any moment.
"""

import socket
import sys

import msgspec

from roost_edge.subprocesses.serving import serve_agent

__all__ = ["main"]


def main() -> None:
    """Serve the agent until it is gone."""
    serve_agent(_serve)


def _serve(agent: socket.socket) -> None:
    # Here, because it takes most of our start: we have given way to the agent by now.
    from roost_edge.spooler.service import serve  # noqa: PLC0415 - see above
    from roost_edge.spooler.settings import SpoolerSettings  # noqa: PLC0415

    serve(agent, msgspec.json.decode(sys.argv[3], type=SpoolerSettings))


if __name__ == "__main__":
    main()
