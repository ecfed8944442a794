"""The embedded broker, for a demo and for trying things on one machine.

    python -m roost_cloud.broker --port 0

It listens on this machine only, prints `listening on 127.0.0.1:PORT` as its first line, and ends on SIGTERM. It is
amqtt in a process of its own, and amqtt speaks MQTT 3.1.1 only and keeps no durable sessions: what is published
while a client is away is lost, and a restart forgets retained messages. It hands every new client the retained
messages of everybody's subscriptions: clients look at the topic of what they get. Redelivery, message expiry and
client certificates need Mosquitto or its like (see `firmware-config/mosquitto/`).
"""

import argparse
import asyncio
import logging
import signal
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType

__all__ = ["main", "serve"]

_HOST: Final = "127.0.0.1"
_LISTENER: Final = "default"
_CONNECT_TIMEOUT_S: Final = 10
_SHUTDOWN_S: Final = 2
_MQTT_3_1_1: Final = 4  # protocol level
_LENGTH_BYTES: Final = 4  # at most, of a packet's length
_NAME_BYTES: Final = 6  # "MQTT", or "MQIsdp" of old
_WRONG_VERSION: Final = b"\x20\x02\x00\x01"  # CONNACK of MQTT 3.1.1: unacceptable protocol version
_ANONYMOUS: Final = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}


async def serve(port: int, password_file: Path | None) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        port: to listen on; 0 for any free one.
        password_file: lines of `user:hash` (Argon2, as `amqtt.plugins.authentication` reads them); None lets
            anybody on this machine in.
    """
    plugins = _ANONYMOUS if password_file is None else _passwords(password_file)
    # We listen ourselves: amqtt does not tell which port it got.
    listeners: dict[str, ListenerConfig] = {_LISTENER: ListenerConfig(type=ListenerType.EXTERNAL)}
    broker = Broker(BrokerConfig(listeners=listeners, plugins=plugins))
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await broker.start()
    try:
        # asyncio sets TCP_NODELAY on every connection it accepts.
        server = await asyncio.start_server(partial(_welcome, broker), _HOST, port)
        print(f"listening on {_HOST}:{server.sockets[0].getsockname()[1]}", flush=True)  # noqa: T201 - the interface
        await stopping.wait()
        server.close()
    finally:
        # amqtt waits, possibly for ever, for clients that vanished.
        with suppress(TimeoutError):
            async with asyncio.timeout(_SHUTDOWN_S):
                await broker.shutdown()


class _RereadingReader(StreamReaderAdapter):  # type: ignore[misc]  # amqtt publishes no types
    """Gives bytes that were read already once more."""

    def __init__(self, head: bytes, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self._head = head

    async def read(self, n: int = -1) -> bytes:
        """Read `n` bytes, or all there are."""
        taken, self._head = (self._head, b"") if n < 0 else (self._head[:n], self._head[n:])
        return taken if len(taken) == n else taken + await super().read(n if n < 0 else n - len(taken))


async def _welcome(broker: Broker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Refuse MQTT 5 in words a client understands: amqtt takes its properties for a name, and waits for more."""
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            head = await _read_to_protocol_level(reader)
        if head[-1] > _MQTT_3_1_1:
            writer.write(_WRONG_VERSION)
            writer.close()
            await writer.wait_closed()
        else:
            await broker.external_connected(_RereadingReader(head, reader), StreamWriterAdapter(writer), _LISTENER)
    except (asyncio.IncompleteReadError, TimeoutError, OSError, asyncio.CancelledError):
        writer.close()  # no client, one that is gone, or we are ending


async def _read_to_protocol_level(reader: asyncio.StreamReader) -> bytes:
    """The start of CONNECT: type, length (1 to 4 bytes), protocol name, protocol level."""
    head = await reader.readexactly(2)
    while head[-1] & 0x80 and len(head) <= _LENGTH_BYTES:
        head += await reader.readexactly(1)
    name_bytes = await reader.readexactly(2)
    return head + name_bytes + await reader.readexactly(min(int.from_bytes(name_bytes), _NAME_BYTES) + 1)


def main(arguments: list[str] | None = None) -> int:
    """Run the program; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m roost_cloud.broker", description="Roost's demo broker.")
    parser.add_argument("--port", type=int, default=1883, help="0 for any free port (default: %(default)s)")
    parser.add_argument("--password-file", type=Path, help="lines of user:hash; without it anybody may connect")
    parsed = parser.parse_args(arguments)
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format="broker: %(message)s")
    # amqtt leaves a task's exception behind whenever a client vanishes, and asyncio reports each with a traceback.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    asyncio.run(serve(parsed.port, parsed.password_file))
    return 0


def _passwords(file: Path) -> dict[str, dict[str, str]]:
    return {"amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(file)}}


if __name__ == "__main__":
    sys.exit(main())
