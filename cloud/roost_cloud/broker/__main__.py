"""The embedded broker as a program of its own.

    python -m roost_cloud.broker --port 0

It prints `listening on 127.0.0.1:PORT` as its first line, and ends on SIGTERM. Everybody on this machine may do
everything, or everybody who knows a password.
"""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from roost_cloud.broker.access import Access, Anybody
from roost_cloud.broker.embedded import EmbeddedBroker

__all__ = ["main", "serve"]


class _PasswordFile(Anybody):
    """Lets in who has a password, to do everything."""

    def __init__(self, file: Path) -> None:
        lines = (line.strip() for line in file.read_text().splitlines())
        self._hashes = dict(line.split(":", maxsplit=1) for line in lines if line and not line.startswith("#"))
        self._hasher = PasswordHash((Argon2Hasher(),))

    def authenticate(self, username: str | None, password: str | None, client_id: str) -> bool:
        """Compare with the file."""
        del client_id
        known = self._hashes.get(username or "")
        if known is None or password is None:
            return False
        try:
            return self._hasher.verify(password, known)
        except UnknownHashError:
            return False


async def serve(port: int, access: Access) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        port: to listen on; 0 for any free one.
        access: who may do what.
    """
    broker = EmbeddedBroker(port, access)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await broker.start()
    print(f"listening on {broker.url.removeprefix('mqtt://')}", flush=True)  # noqa: T201 - the interface
    await stopping.wait()
    await broker.stop()


def main(arguments: list[str] | None = None) -> int:
    """Run the program; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m roost_cloud.broker", description="Roost's demo broker.")
    parser.add_argument("--port", type=int, default=1883, help="0 for any free port (default: %(default)s)")
    parser.add_argument("--password-file", type=Path, help="lines of user:hash; without it anybody may connect")
    parsed = parser.parse_args(arguments)
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format="broker: %(message)s")
    access = Anybody() if parsed.password_file is None else _PasswordFile(parsed.password_file)
    asyncio.run(serve(parsed.port, access))
    return 0


if __name__ == "__main__":
    sys.exit(main())
