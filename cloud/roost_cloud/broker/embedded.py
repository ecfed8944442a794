"""The embedded broker: amqtt in this process, behind a gate of ours. For a demo, and for trying things on one machine.

It listens on this machine only and speaks MQTT 3.1.1 only. It keeps no durable sessions: what is published while a
client is away is lost, and a restart forgets retained messages. Redelivery, message expiry and client certificates
need Mosquitto or its like (see `firmware-config/mosquitto/`).

Each connection passes the gate before amqtt sees it. amqtt would throw out the client whose id a stranger names, and
only then look at the password; leaves two connections with one id both standing; ignores keep-alive; and takes
MQTT 5's properties for a name. So the gate reads CONNECT, asks `Access` about the client and its will, ends the
connection whose place is taken, and hands amqtt a CONNECT that asks for what it does well: a clean session and no
keep-alive, which the gate looks after, with a client id that no other user's can equal. Then it hands on packet by
packet, none larger than the largest input, and ends the connection of who reads nothing for ten seconds: for so long
all that is published for it waits in memory, of which amqtt has no measure.

Devices and the cloud meet here. Sensors belong on their site's broker.
"""

import asyncio
import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from amqtt.adapters import BufferReader, StreamReaderAdapter, StreamWriterAdapter
from amqtt.errors import AMQTTError, MQTTError, NoDataError
from amqtt.mqtt.connect import ConnectPacket

from roost_cloud.broker.access import Access
from roost_cloud.broker.fenced import LISTENER, FencedBroker
from roost_shared.clock import SystemClock
from roost_shared.complaints import Complaints
from roost_shared.errors import RoostError

__all__ = ["EmbeddedBroker"]

_HOST: Final = "127.0.0.1"
_CONNECT_TIMEOUT_S: Final = 10
_SHUTDOWN_S: Final = 2
_TAKEOVER_S: Final = 2
_THREADS: Final = 4  # clients authenticated at a time
_KEEP_ALIVE_GRACE: Final = 1.5  # MQTT-3.1.2-24
_UNREAD_S: Final = 10  # for one packet to be read, on one machine
_MQTT_3_1_1: Final = 4  # protocol level
_LENGTH_BYTES: Final = 4  # at most, of a packet's length
_QOS_MAX: Final = 2
_NAME: Final = b"\x00\x04MQTT"
_CONNECT_MAX_BYTES: Final = 128 << 10  # a will of 64 KiB, and a topic and names of reasonable lengths
_PACKET_MAX_BYTES: Final = (16 << 20) + (128 << 10)  # an agent's largest input, and its topic
_NAMES_MAX_CHARACTERS: Final = 1024  # of username and client id together

# CONNACK of MQTT 3.1.1, by return code
_WRONG_VERSION: Final = b"\x20\x02\x00\x01"
_WRONG_CLIENT_ID: Final = b"\x20\x02\x00\x02"
_UNAVAILABLE: Final = b"\x20\x02\x00\x03"
_NOT_AUTHORISED: Final = b"\x20\x02\x00\x05"

_Key = tuple[str | None, str]  # username and client id


class EmbeddedBroker:
    """A broker in the running event loop.

    Args:
        port: to listen on; 0 for any free one.
        access: who may do what; `authenticate` is called in threads, `may` in the loop.

    Attributes:
        port: the one it listens on, once started.
        counts: connections `accepted` and `refused`.
    """

    def __init__(self, port: int, access: Access) -> None:
        self.port = port
        self.counts: Counter[str] = Counter()
        self._access = access
        self._broker: FencedBroker | None = None
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connections: set[_Connection] = set()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="broker-access")  # started when used
        self._complaints = Complaints(SystemClock())

    @property
    def url(self) -> str:
        """Its address, without a user."""
        return f"mqtt://{_HOST}:{self.port}"

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the port is taken.
        """
        _hush_amqtt()
        self._loop = asyncio.get_running_loop()
        self._broker = FencedBroker(self._access)
        # We listen ourselves; asyncio sets TCP_NODELAY on every connection it accepts.
        self._server = await asyncio.start_server(self._welcome, _HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        await self._broker.start()

    async def stop(self) -> None:
        """End all connections and stop listening."""
        if self._server is None or self._broker is None:
            return
        self._server.close()
        for connection in self._connections:
            connection.cut()
        # amqtt waits, possibly for ever, for clients that vanished.
        with suppress(TimeoutError):
            async with asyncio.timeout(_SHUTDOWN_S):
                await asyncio.gather(*(each.ended.wait() for each in self._connections))
                await self._broker.shutdown()
        self._threads.shutdown(wait=False)
        self._server = self._broker = None

    async def disconnect(self, username: str) -> None:
        """End a user's connections, the half-made ones too, and wait until they are gone; its wills are published."""
        connections = [each for each in self._connections if each.username == username]
        for connection in connections:
            connection.cut()
        with suppress(TimeoutError):
            async with asyncio.timeout(_TAKEOVER_S):
                await asyncio.gather(*(each.ended.wait() for each in connections))

    def disconnect_soon(self, username: str) -> None:
        """As `disconnect`, from any thread, without waiting; nothing if the broker does not run."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(lambda: loop.create_task(self.disconnect(username)))

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(writer)
        self._connections.add(connection)
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                packet = await _read_connect(reader)
                connection.username = packet.payload.username
                refusal = await self._refusal(packet)
            if refusal is not None:
                self._refuse(packet, refusal)
                writer.write(refusal)
                await writer.drain()
            else:
                await self._serve(packet, connection, reader)
        except _WrongVersionError:
            writer.write(_WRONG_VERSION)
        except (AMQTTError, MQTTError, NoDataError, asyncio.IncompleteReadError, TimeoutError, OSError) as error:
            self.counts["broken_off"] += 1  # no client, or one that is gone
            logging.getLogger(__name__).debug("a connection ended before it began: %r", error)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            connection.ended.set()
            self._connections.discard(connection)

    async def _refusal(self, packet: ConnectPacket) -> bytes | None:
        """What to refuse a client with; None to let it in."""
        username, client_id = packet.payload.username, _client_id(packet)
        if not client_id and not packet.clean_session_flag:
            return _WRONG_CLIENT_ID  # MQTT-3.1.3-8
        if len(username or "") + len(client_id) > _NAMES_MAX_CHARACTERS:
            return _WRONG_CLIENT_ID
        try:
            known = await asyncio.get_running_loop().run_in_executor(
                self._threads, self._access.authenticate, username, packet.payload.password, client_id
            )
        except RoostError as error:
            self._complaints.note(error.code, str(error))
            return _UNAVAILABLE
        if not known or (packet.will_flag and not self._access.may(username, packet.payload.will_topic, "publish")):
            return _NOT_AUTHORISED
        return None

    def _refuse(self, packet: ConnectPacket, refusal: bytes) -> None:
        self.counts["refused"] += 1
        who = f"{packet.payload.username!r} with client id {_client_id(packet)!r}"
        self._complaints.note("broker.client_refused", f"{who}: return code {refusal[-1]}")

    async def _serve(self, packet: ConnectPacket, connection: "_Connection", reader: asyncio.StreamReader) -> None:
        connection.client_id = _client_id(packet)
        await self._take_place(connection)
        if self._broker is None or connection.writer.is_closing():
            return  # stopped, or cut, in the meantime
        self.counts["accepted"] += 1
        keep_alive_s = packet.variable_header.keep_alive
        head = _for_amqtt(packet)
        await self._broker.external_connected(
            _GateReader(head, reader, keep_alive_s * _KEEP_ALIVE_GRACE or None),
            _GateWriter(connection.writer),
            LISTENER,
        )

    async def _take_place(self, newcomer: "_Connection") -> None:
        """End the connection with the newcomer's client id, its will first (MQTT-3.1.4-2)."""
        for other in list(self._connections):
            if other is not newcomer and other.client_id and other.key == newcomer.key:
                other.cut()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_TAKEOVER_S):
                        await other.ended.wait()


class _WrongVersionError(Exception):
    """A client speaks another version of MQTT."""


class _Connection:
    """One client's connection, from its first byte on."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.username: str | None = None  # as claimed
        self.client_id = ""  # once accepted
        self.ended = asyncio.Event()

    @property
    def key(self) -> _Key:
        return self.username, self.client_id

    def cut(self) -> None:
        """End it without a word: amqtt then publishes its will."""
        self.writer.transport.abort()


class _GateReader(StreamReaderAdapter):  # type: ignore[misc]  # amqtt publishes no types
    """Gives amqtt its CONNECT, then what the client sends, until that is silent for too long."""

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
            self._head, self._body_bytes = await _read_head(self._stream)
            if self._body_bytes > _PACKET_MAX_BYTES:
                raise MQTTError("a packet is too large")
        if self._head:
            taken, self._head = self._head[:n], self._head[n:]
            return taken
        if n > self._body_bytes:
            raise MQTTError("a packet ends too early")
        self._body_bytes -= n
        return await self._stream.readexactly(n)


class _GateWriter(StreamWriterAdapter):  # type: ignore[misc]  # amqtt publishes no types
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


async def _read_head(reader: asyncio.StreamReader) -> tuple[bytes, int]:
    """Read a packet's fixed header; it, and the bytes that follow."""
    head = await reader.readexactly(2)
    while head[-1] & 0x80 and len(head) <= _LENGTH_BYTES:
        head += await reader.readexactly(1)
    if head[-1] & 0x80:
        raise MQTTError("no packet's length")
    return head, sum((byte & 0x7F) << (7 * place) for place, byte in enumerate(head[1:]))


async def _read_connect(reader: asyncio.StreamReader) -> ConnectPacket:
    """Read a client's first packet, and check that it is what amqtt can read."""
    head, remaining_bytes = await _read_head(reader)
    start = await reader.readexactly(len(_NAME) + 1)
    if start[-1] != _MQTT_3_1_1 or not start.startswith(_NAME):
        raise _WrongVersionError
    if head[0] != 0x10 or not len(start) <= remaining_bytes <= _CONNECT_MAX_BYTES:  # noqa: PLR2004 - type CONNECT
        raise MQTTError("no CONNECT")
    rest = await reader.readexactly(remaining_bytes - len(start))
    packet = await ConnectPacket.from_stream(BufferReader(head + start + rest))
    if packet.will_flag and (packet.payload.will_topic is None or packet.will_qos > _QOS_MAX):
        raise MQTTError("no proper will")
    return packet


def _client_id(packet: ConnectPacket) -> str:
    """What the client calls itself; empty if nothing, where amqtt makes a name up."""
    return "" if packet.client_id_is_random else str(packet.client_id)


def _for_amqtt(packet: ConnectPacket) -> bytes:
    packet.clean_session_flag = True
    packet.variable_header.keep_alive = 0
    packet.payload.client_id = f"{packet.payload.username or ''} {packet.client_id}"
    return bytes(packet.to_bytes())


class _VanishedClients(logging.Filter):
    """Drops what asyncio says of amqtt's tasks: each client that vanishes leaves some that end by an exception."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log it."""
        trace = record.exc_info[2] if record.exc_info else None
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        return trace is None or not str(trace.tb_frame.f_globals.get("__name__")).startswith("amqtt.")


_vanished_clients: Final = _VanishedClients()


def _hush_amqtt() -> None:
    """Silence what amqtt says at every level and no operator needs: each client that vanished."""
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    logging.getLogger("transitions").setLevel(logging.WARNING)
    logging.getLogger("asyncio").addFilter(_vanished_clients)
