"""What the gate of the embedded broker reads and says itself of MQTT 3.1.1: the first packet, and how long each is.

A client's CONNECT is read before amqtt sees the client, and checked against what amqtt cannot read. amqtt is handed
another (`for_amqtt`), which asks for what it does well: a clean session and no keep-alive, with a client id that no
other user's can equal.
"""

import asyncio
from typing import Final

from amqtt.adapters import BufferReader
from amqtt.errors import MQTTError
from amqtt.mqtt.connect import ConnectPacket

__all__ = [
    "NOT_AUTHORISED",
    "UNAVAILABLE",
    "WRONG_CLIENT_ID",
    "WRONG_VERSION",
    "WrongVersionError",
    "client_id_of",
    "for_amqtt",
    "read_connect",
    "read_head",
]

# CONNACK of MQTT 3.1.1, by return code
WRONG_VERSION: Final = b"\x20\x02\x00\x01"
WRONG_CLIENT_ID: Final = b"\x20\x02\x00\x02"
UNAVAILABLE: Final = b"\x20\x02\x00\x03"
NOT_AUTHORISED: Final = b"\x20\x02\x00\x05"

_CONNECT: Final = 0x10  # the first byte of the packet
_MQTT_3_1_1: Final = 4  # protocol level
_LENGTH_BYTES: Final = 4  # at most, of a packet's length
_QOS_MAX: Final = 2
_NAME: Final = b"\x00\x04MQTT"
_CONNECT_MAX_BYTES: Final = 128 << 10  # a will of 64 KiB, and a topic and names of reasonable lengths


class WrongVersionError(Exception):
    """A client speaks another version of MQTT."""


async def read_head(reader: asyncio.StreamReader) -> tuple[bytes, int]:
    """Read a packet's fixed header; it, and the bytes that follow.

    Raises:
        MQTTError: its length is none.
        IncompleteReadError: the client is gone.
    """
    head = await reader.readexactly(2)
    while head[-1] & 0x80 and len(head) <= _LENGTH_BYTES:
        head += await reader.readexactly(1)
    if head[-1] & 0x80:
        raise MQTTError("no packet's length")
    return head, sum((byte & 0x7F) << (7 * place) for place, byte in enumerate(head[1:]))


async def read_connect(reader: asyncio.StreamReader) -> ConnectPacket:
    """Read a client's first packet, and check that it is what amqtt can read.

    Raises:
        WrongVersionError: the client speaks another MQTT.
        MQTTError, AMQTTError, NoDataError: it is no CONNECT, or none that is whole.
        IncompleteReadError: the client is gone.
    """
    head, remaining_bytes = await read_head(reader)
    start = await reader.readexactly(len(_NAME) + 1)
    if start[-1] != _MQTT_3_1_1 or not start.startswith(_NAME):
        raise WrongVersionError
    if head[0] != _CONNECT or not len(start) <= remaining_bytes <= _CONNECT_MAX_BYTES:
        raise MQTTError("no CONNECT")
    rest = await reader.readexactly(remaining_bytes - len(start))
    packet = await ConnectPacket.from_stream(BufferReader(head + start + rest))
    if packet.will_flag and (packet.payload.will_topic is None or packet.will_qos > _QOS_MAX):
        raise MQTTError("no proper will")
    return packet


def client_id_of(packet: ConnectPacket) -> str:
    """What the client calls itself; empty if nothing, where amqtt makes a name up."""
    return "" if packet.client_id_is_random else str(packet.client_id)


def for_amqtt(packet: ConnectPacket) -> bytes:
    """The CONNECT that amqtt is handed in this one's place; the packet is changed to it."""
    packet.clean_session_flag = True
    packet.variable_header.keep_alive = 0
    packet.payload.client_id = f"{packet.payload.username or ''} {packet.client_id}"
    return bytes(packet.to_bytes())
