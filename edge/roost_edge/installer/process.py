"""The installer's process: `python -m roost_edge.installer.process TITLE AGENT_PID SETTINGS`, socket on stdin.

One thread talks with the agent and keeps what is in force; another fetches (`work`). All that matters is on the disk
before it is said, so it may be killed at any moment.
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
    from roost_edge.installer.service import serve  # noqa: PLC0415 - see above
    from roost_edge.installer.settings import InstallerSettings  # noqa: PLC0415

    serve(agent, msgspec.json.decode(sys.argv[3], type=InstallerSettings))


if __name__ == "__main__":
    main()
