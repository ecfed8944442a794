"""The embedded broker: amqtt in this process, behind a gate of ours. For a demo, and for trying things on one machine.

It listens on this machine only and speaks MQTT 3.1.1 only. It keeps no durable sessions: what is published while a
client is away is lost, and a restart forgets retained messages. Redelivery, message expiry and client certificates
need Mosquitto or its like (see `firmware-config/mosquitto/`).

Each connection passes the gate before amqtt sees it. amqtt would throw out the client whose id a stranger names, and
only then look at the password; leaves two connections with one id both standing; ignores keep-alive; and takes
MQTT 5's properties for a name. So the gate reads CONNECT (`packets`), asks `Access` about the client and its will,
ends the connection whose place is taken, and hands amqtt a CONNECT of its own; then what the client sends and is sent
passes by the streams of `gate`, which look after keep-alive and size too.

Devices and the cloud meet here. Sensors belong on their site's broker.
"""

import asyncio
import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from amqtt.errors import AMQTTError, MQTTError, NoDataError
from amqtt.mqtt.connect import ConnectPacket

from roost_cloud.broker.access import Access
from roost_cloud.broker.amqtt_log import hush_amqtt
from roost_cloud.broker.fenced import LISTENER, FencedBroker
from roost_cloud.broker.gate import GateReader, GateWriter
from roost_cloud.broker.packets import (
    NOT_AUTHORISED,
    UNAVAILABLE,
    WRONG_CLIENT_ID,
    WRONG_VERSION,
    WrongVersionError,
    client_id_of,
    for_amqtt,
    read_connect,
)
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
_NAMES_MAX_CHARACTERS: Final = 1024  # of username and client id together

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
        hush_amqtt()
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
                packet = await read_connect(reader)
                connection.username = packet.payload.username
                refusal = await self._refusal(packet)
            if refusal is not None:
                self._refuse(packet, refusal)
                writer.write(refusal)
                await writer.drain()
            else:
                await self._serve(packet, connection, reader)
        except WrongVersionError:
            writer.write(WRONG_VERSION)
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
        username, client_id = packet.payload.username, client_id_of(packet)
        if not client_id and not packet.clean_session_flag:
            return WRONG_CLIENT_ID  # MQTT-3.1.3-8
        if len(username or "") + len(client_id) > _NAMES_MAX_CHARACTERS:
            return WRONG_CLIENT_ID
        try:
            known = await asyncio.get_running_loop().run_in_executor(
                self._threads, self._access.authenticate, username, packet.payload.password, client_id
            )
        except RoostError as error:
            self._complaints.note(error.code, str(error))
            return UNAVAILABLE
        if not known or (packet.will_flag and not self._access.may(username, packet.payload.will_topic, "publish")):
            return NOT_AUTHORISED
        return None

    def _refuse(self, packet: ConnectPacket, refusal: bytes) -> None:
        self.counts["refused"] += 1
        who = f"{packet.payload.username!r} with client id {client_id_of(packet)!r}"
        self._complaints.note("broker.client_refused", f"{who}: return code {refusal[-1]}")

    async def _serve(self, packet: ConnectPacket, connection: "_Connection", reader: asyncio.StreamReader) -> None:
        connection.client_id = client_id_of(packet)
        await self._take_place(connection)
        if self._broker is None or connection.writer.is_closing():
            return  # stopped, or cut, in the meantime
        self.counts["accepted"] += 1
        keep_alive_s = packet.variable_header.keep_alive
        head = for_amqtt(packet)
        await self._broker.external_connected(
            GateReader(head, reader, keep_alive_s * _KEEP_ALIVE_GRACE or None),
            GateWriter(connection.writer),
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
