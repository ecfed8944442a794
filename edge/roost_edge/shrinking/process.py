"""The shrinker's process: `python -m roost_edge.shrinking.process TITLE AGENT_PID`, with its socket as standard input.

It shrinks one picture at a time until the agent's end of the socket closes. It holds nothing that has to be saved, so
it may be killed at any moment.
"""

import os
import socket
from typing import Final

from roost_edge.shrinking import protocol
from roost_edge.subprocesses.serving import serve_agent
from roost_edge.workers.payload import map_payload
from roost_shared.errors import InputError
from roost_shared.messages import ErrorInfo

__all__ = ["main"]

_MESSAGE_CHARS: Final = 256


def main() -> None:
    """Serve the agent until it is gone."""
    serve_agent(_serve)


def _serve(agent: socket.socket) -> None:
    # Here, because it takes most of our start: we have given way to the agent by now.
    from roost_edge.shrinking.picture import shrink  # noqa: PLC0415 - see above

    agent.send(protocol.encode(protocol.Ready()))
    while True:
        packet, descriptors, _, _ = socket.recv_fds(agent, protocol.MESSAGE_LIMIT_BYTES, 1)
        if not packet:
            return
        (descriptor,) = descriptors
        work = protocol.decode_from_agent(packet)
        try:
            picture = shrink(map_payload(descriptor), work.size, work.limits)
        except InputError as error:
            agent.send(protocol.encode(protocol.Kept(ErrorInfo(error.code, str(error)[:_MESSAGE_CHARS]))))
        else:
            _send(agent, picture)


def _send(agent: socket.socket, picture: bytes) -> None:
    """The picture goes by descriptor: it may be larger than a packet."""
    descriptor = os.memfd_create("roost-shrunken", os.MFD_CLOEXEC)
    with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123 - a descriptor has no path
        rest = memoryview(picture)
        while rest:
            rest = rest[file.write(rest) :]
        socket.send_fds(agent, [protocol.encode(protocol.Shrunk(len(picture)))], [descriptor])


if __name__ == "__main__":
    main()
