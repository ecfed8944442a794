"""What the embedded broker's gate reads of a client before amqtt does, and how it hands on the rest."""

import asyncio

import pytest
from amqtt.adapters import BufferReader
from amqtt.errors import MQTTError
from amqtt.mqtt.connect import ConnectPacket

from roost_cloud.broker.gate import GateReader
from roost_cloud.broker.packets import WrongVersionError, client_id_of, for_amqtt, read_connect, read_head

CLEAN = 0x02
WILL = 0x04
NAMED = 0xC0  # username and password


def text(value: str) -> bytes:
    return len(value).to_bytes(2) + value.encode()


def connect(*fields: str, flags: int = CLEAN, level: int = 4, keep_alive_s: int = 30) -> bytes:
    body = text("MQTT") + bytes([level, flags]) + keep_alive_s.to_bytes(2) + b"".join(map(text, fields))
    return bytes([0x10, len(body)]) + body


async def stream(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader


async def read(data: bytes) -> ConnectPacket:
    return await read_connect(await stream(data))


async def head_of(data: bytes) -> tuple[bytes, int]:
    return await read_head(await stream(data))


@pytest.mark.parametrize(
    ("head", "body_bytes"),
    [
        pytest.param(b"\x30\x00", 0, id="nothing follows"),
        pytest.param(b"\x30\x7f", 127, id="the longest of one byte"),
        pytest.param(b"\x30\x80\x01", 128, id="two bytes"),
        pytest.param(b"\x30\xff\xff\xff\x7f", (1 << 28) - 1, id="the longest there is"),
    ],
)
def test_a_head_tells_how_much_follows(head: bytes, body_bytes: int) -> None:
    assert asyncio.run(head_of(head + b"body")) == (head, body_bytes)


def test_a_length_of_five_bytes_is_none() -> None:
    with pytest.raises(MQTTError):
        asyncio.run(head_of(b"\x30\xff\xff\xff\xff\x01"))


def test_a_client_is_known_by_what_it_says() -> None:
    packet = asyncio.run(read(connect("cam-01", "acme/d/cam-01", "secret", flags=CLEAN | NAMED)))
    said = (packet.payload.username, packet.payload.password, client_id_of(packet))
    assert said == ("acme/d/cam-01", "secret", "cam-01")


def test_a_client_without_an_id_has_none_though_amqtt_makes_one_up() -> None:
    packet = asyncio.run(read(connect("")))
    assert packet.client_id
    assert not client_id_of(packet)


def test_amqtt_is_asked_for_a_clean_session_without_keep_alive_under_an_id_of_the_users_own() -> None:
    packet = asyncio.run(read(connect("cam-01", "acme/d/cam-01", "secret", flags=NAMED)))
    assert not packet.clean_session_flag
    handed = asyncio.run(ConnectPacket.from_stream(BufferReader(for_amqtt(packet))))
    assert handed.clean_session_flag
    assert handed.variable_header.keep_alive == 0
    assert handed.client_id == "acme/d/cam-01 cam-01"


@pytest.mark.parametrize("level", [3, 5])
def test_another_version_of_mqtt_is_told_apart(level: int) -> None:
    with pytest.raises(WrongVersionError):
        asyncio.run(read(connect("cam-01", level=level)))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x30" + connect("cam-01")[1:], id="another packet"),
        pytest.param(b"\x10\x03" + connect("cam-01")[2:], id="shorter than its own beginning"),
        pytest.param(b"\x10\xff\xff\xff\x7f" + connect("cam-01")[2:], id="longer than any"),
        pytest.param(connect("cam-01", "a/topic", "gone", flags=CLEAN | WILL | 0x18), id="a will at QoS 3"),
    ],
)
def test_what_amqtt_cannot_read_is_no_connect(data: bytes) -> None:
    with pytest.raises(MQTTError):
        asyncio.run(read(data))


async def passed(data: bytes, *reads: int, silence_s: float | None = None) -> list[bytes]:
    gate = GateReader(b"head", await stream(data), silence_s)
    return [await gate.read(length) for length in reads]


def test_amqtt_reads_its_own_connect_first_and_then_what_the_client_sends() -> None:
    assert asyncio.run(passed(b"\x30\x03abc\xc0\x00", 2, 2, 2, 3, 2)) == [
        b"he",
        b"ad",
        b"\x30\x03",
        b"abc",
        b"\xc0\x00",
    ]


@pytest.mark.parametrize(
    ("data", "reads"),
    [
        pytest.param(b"\x30\x03abc\xc0\x00", (4, 2, 4), id="beyond its packet"),
        pytest.param(b"\x30\xff\xff\xff\x7f", (4, 2), id="of a packet larger than any input"),
    ],
)
def test_nothing_is_read(data: bytes, reads: tuple[int, ...]) -> None:
    with pytest.raises(asyncio.IncompleteReadError):
        asyncio.run(passed(data, *reads))


def test_a_client_that_is_silent_for_too_long_is_over_for_good() -> None:
    async def wait_in_vain() -> None:
        reader = asyncio.StreamReader()
        gate = GateReader(b"", reader, 0.01)
        with pytest.raises(asyncio.IncompleteReadError):
            await gate.read(1)
        reader.feed_data(b"\xc0\x00")
        await gate.read(1)

    with pytest.raises(asyncio.IncompleteReadError):
        asyncio.run(wait_in_vain())
