"""The link between devices and cloud, so that the demo can cut it as links are cut: packets vanish, nobody is told."""

import asyncio
import socket
import threading
from types import TracebackType
from typing import Final, Self

__all__ = ["Relay", "free_port"]

_HOST: Final = "127.0.0.1"
_CHUNK_BYTES: Final = 64 * 1024


def free_port() -> int:
    """A port that nobody on this machine listens on, just now."""
    with socket.create_server((_HOST, 0)) as server:
        port: int = server.getsockname()[1]
        return port


class Relay:
    """Passes on what comes to `port`, both ways, until the link is cut; a context with a thread of its own.

    Args:
        target_port: where to, on this machine.

    Attributes:
        port: where from.
    """

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self._target_port = target_port
        self._is_open = threading.Event()
        self._is_open.set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close everything."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Let everything vanish from now on."""
        self._is_open.clear()

    def mend(self) -> None:
        """Pass on what comes from now on."""
        self._is_open.set()

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._connected, _HOST, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _close(self) -> None:
        self._server.close()
        ours = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not ours]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(_HOST, self._target_port)
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))
        except OSError:
            pass  # one side is gone, and so is the other then
        finally:
            writer.close()
            back.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            if self._is_open.is_set():
                writer.write(data)
                await writer.drain()
        writer.close()
