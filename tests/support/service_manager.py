"""What systemd is to a service: a socket that hears its notifications."""

import socket
import time
from pathlib import Path

__all__ = ["ServiceManager"]


class ServiceManager:
    """Listens on a Unix datagram socket.

    Args:
        address: as `NOTIFY_SOCKET` has it: a path, or `@` and an abstract name.
    """

    def __init__(self, address: str | Path) -> None:
        self.address = str(address)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + self.address[1:] if self.address.startswith("@") else self.address)

    def hear(self, timeout_s: float = 15) -> dict[str, str] | None:
        """The next notification's assignments; None if none comes."""
        self._socket.settimeout(timeout_s)
        try:
            datagram = self._socket.recv(4096)
        except TimeoutError:
            return None
        return dict(line.split("=", 1) for line in datagram.decode().splitlines())

    def await_word(self, name: str, timeout_s: float = 15) -> str:
        """Pass over notifications until one assigns `name`; its value."""
        give_up = time.monotonic() + timeout_s
        while time.monotonic() < give_up:
            heard = self.hear(max(0.01, give_up - time.monotonic()))
            if heard is not None and name in heard:
                return heard[name]
        raise AssertionError(f"waited {timeout_s} s in vain for {name}")

    def forget(self) -> None:
        """Drop what was said and not heard yet."""
        while self.hear(0.001) is not None:
            pass

    def close(self) -> None:
        self._socket.close()
        if not self.address.startswith("@"):
            Path(self.address).unlink()
