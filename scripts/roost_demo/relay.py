"""The link between devices and cloud, so that the demo can cut it as links are cut: packets vanish, nobody is told.

Once it is mended, connections from before are found dead, as they are after a change of address.
"""

import asyncio
import socket
import threading
from functools import partial
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
    """Passes on what comes to `ports`, both ways, until the link is cut; a context with a thread of its own.

    Args:
        target_ports: where to, on this machine.

    Attributes:
        ports: where from, in the same order.
    """

    def __init__(self, *target_ports: int) -> None:
        self.ports: tuple[int, ...] = ()
        self._target_ports = target_ports
        self._servers: list[asyncio.Server] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._is_open = threading.Event()
        self._is_open.set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        self.ports = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
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
        """Take connections again, if the link was cut; those that it had are gone."""
        asyncio.run_coroutine_threadsafe(self._mend(), self._loop).result()

    async def _listen(self) -> tuple[int, ...]:
        for target_port in self._target_ports:
            self._servers.append(await asyncio.start_server(partial(self._connected, target_port), _HOST, 0))
        return tuple(server.sockets[0].getsockname()[1] for server in self._servers)

    async def _mend(self) -> None:
        if self._is_open.is_set():
            return
        self._is_open.set()
        for writer in self._writers:
            writer.transport.abort()

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        ours = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not ours]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, target_port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(_HOST, target_port)
        except OSError:
            writer.close()
            return
        both = {writer, back}
        self._writers |= both
        try:
            await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))
        except OSError:
            pass  # one side is gone, and so is the other then
        finally:
            self._writers -= both
            writer.close()
            back.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            if self._is_open.is_set():
                writer.write(data)
                await writer.drain()
        writer.close()
