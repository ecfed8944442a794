"""The two streams between a client and amqtt: what passes the gate of the embedded broker.

amqtt reads its CONNECT and then packet by packet, none larger than the largest input, until the client is silent for
longer than it said it would be. Who reads nothing for ten seconds is cut off: for so long all that is published for it
waits in memory, of which amqtt has no measure.
"""

import asyncio
from contextlib import suppress
from typing import Final

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.errors import MQTTError

from roost_cloud.broker.packets import read_head

__all__ = ["GateReader", "GateWriter"]

_UNREAD_S: Final = 10  # for one packet to be read, on one machine
_PACKET_MAX_BYTES: Final = (16 << 20) + (128 << 10)  # an agent's largest input, and its topic


class GateReader(StreamReaderAdapter):  # type: ignore[misc]  # amqtt publishes no types
    """Gives amqtt its CONNECT, then what the client sends, until that is silent for too long.

    Args:
        head: the CONNECT for amqtt.
        reader: the client's stream, behind its own CONNECT.
        silence_s: that the client may keep, in seconds; None: for ever.
    """

    def __init__(self, head: bytes, reader: asyncio.StreamReader, silence_s: float | None) -> None:
        super().__init__(reader)
        self._stream = reader
        self._head = head
        self._body_bytes = 0  # left of the packet that is being read
        self._silence_s = silence_s
        self._is_over = False

    async def read(self, n: int = -1) -> bytes:
        """Read `n` bytes, which have to be of one packet."""
        if not self._is_over:
            with suppress(TimeoutError, MQTTError):
                async with asyncio.timeout(self._silence_s):
                    return await self._read(n)
        self._is_over = True  # for good: amqtt would read on in the middle of a packet
        raise asyncio.IncompleteReadError(b"", n)

    async def _read(self, n: int) -> bytes:
        if n and not self._head and not self._body_bytes:
            self._head, self._body_bytes = await read_head(self._stream)
            if self._body_bytes > _PACKET_MAX_BYTES:
                raise MQTTError("a packet is too large")
        if self._head:
            taken, self._head = self._head[:n], self._head[n:]
            return taken
        if n > self._body_bytes:
            raise MQTTError("a packet ends too early")
        self._body_bytes -= n
        return await self._stream.readexactly(n)


class GateWriter(StreamWriterAdapter):  # type: ignore[misc]  # amqtt publishes no types
    """Writes nothing more once the connection is lost: asyncio warns of each such try."""

    def write(self, data: bytes) -> None:
        """Write, or not."""
        if not self._writer.is_closing():
            super().write(data)

    async def drain(self) -> None:
        """Wait until most is sent, or the client has read nothing for too long: then end the connection."""
        try:
            async with asyncio.timeout(_UNREAD_S):
                await super().drain()
        except TimeoutError:
            self._writer.transport.abort()
