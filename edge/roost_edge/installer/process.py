"""The installer's process: `python -m roost_edge.installer.process TITLE AGENT_PID SETTINGS`, socket on stdin.

One thread talks with the agent and keeps what is in force; another fetches (`work`). All that matters is on the disk
before it is said, so it may be killed at any moment.
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
        from roost_edge.installer.service import serve  # noqa: PLC0415 - see above
        from roost_edge.installer.settings import InstallerSettings  # noqa: PLC0415

        settings = msgspec.json.decode(sys.argv[3], type=InstallerSettings)
        try:
            serve(agent, settings)
        except (BrokenPipeError, ConnectionResetError):
            return  # the agent is gone


if __name__ == "__main__":
    main()
