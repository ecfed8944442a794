"""A TCP proxy on a free port that can cut, swallow and delay: a bad network for tests."""

import contextlib
import socket
import struct
import threading
import time
from types import TracebackType
from typing import Self

__all__ = ["Proxy"]


class Proxy:
    """Forwards 127.0.0.1:`port` to a target on this machine; each direction of a connection has its thread."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.delay_s = 0.0
        self.sent_bytes = 0  # from clients to the target, all connections
        self._hole = threading.Event()
        self._refusing = threading.Event()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, name="proxy-accept", daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def open_sockets(self) -> int:
        return len(self._sockets)

    def cut(self) -> None:
        """End all connections with RST; new ones are let in."""
        with self._lock:
            sockets, self._sockets = self._sockets, set()
        for sock in sockets:
            # Lingering for no time makes close send RST; shutdown wakes the thread that reads.
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RD)
            sock.close()

    def black_hole(self) -> None:
        """From now on swallow every byte, of connections there are and to come; nobody is told."""
        self._hole.set()

    def refuse(self) -> None:
        """Cut, and cut new connections at once."""
        self._refusing.set()
        self.cut()

    def restore(self) -> None:
        """Let new connections through. Those that lost bytes are cut: no network resumes them."""
        self._refusing.clear()
        if self._hole.is_set():
            self.cut()
            self._hole.clear()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            try:
                target = socket.create_connection(("127.0.0.1", self._target_port), timeout=5)
            except OSError:
                client.close()
                continue
            for sock in (client, target):
                sock.settimeout(None)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._sockets |= {client, target}
            if self._refusing.is_set():
                self.cut()
                continue
            for source, sink in ((client, target), (target, client)):
                thread = threading.Thread(target=self._pump, args=(source, sink), name="proxy-pump", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if self.delay_s:
                    time.sleep(self.delay_s)
                if not self._hole.is_set():
                    sink.sendall(data)
                    if sink.getpeername()[1] == self._target_port:
                        with self._lock:
                            self.sent_bytes += len(data)
        except OSError:
            return  # cut
        finally:
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)
