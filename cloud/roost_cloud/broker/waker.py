"""Has a thread that waits for the network look up: for it something comes to be read, as from the network."""

import socket
from typing import Final

__all__ = ["Waker"]

_CHUNK_BYTES: Final = 4096


class Waker:
    """For one thread, which alone may call `drain` and `wait`; any thread may call `wake`.

    Attributes:
        reader: can be read once the thread shall look up.
    """

    def __init__(self) -> None:
        self.reader, self._writer = socket.socketpair()
        self.reader.setblocking(False)
        self._writer.setblocking(False)

    def wake(self) -> bool:
        """Have the thread look up; whether it will, which after `close` it does not."""
        try:
            self._writer.send(b"\0")
        except BlockingIOError:
            return True  # it was told so often that there is no room: it will look up anyway
        except OSError:
            return False
        return True

    def drain(self) -> None:
        """Forget how often `wake` was called so far."""
        try:
            while self.reader.recv(_CHUNK_BYTES):
                pass
        except BlockingIOError:
            return

    def wait(self, timeout_s: float) -> bool:
        """Wait for nothing but `wake`; whether it was called in that time, which is above zero."""
        self.reader.settimeout(timeout_s)
        try:
            self.reader.recv(_CHUNK_BYTES)
        except TimeoutError:
            return False
        finally:
            self.reader.setblocking(False)
        return True

    def close(self) -> None:
        """Nobody waits any more."""
        self.reader.close()
        self._writer.close()
