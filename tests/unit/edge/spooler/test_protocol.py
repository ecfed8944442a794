"""What agent and spooler say to each other arrives whole, whatever its size, or is refused."""

import os
import socket
from collections.abc import Iterator

import pytest

from roost_edge.spooler import protocol
from roost_edge.subprocesses.packets import receive, send
from roost_shared.messages import Answer, ErrorInfo
from roost_shared.records import SampleRecord

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        yield ours, theirs


def sample(output: list[float]) -> SampleRecord:
    answer = Answer(
        id="1",
        task="meter",
        label=None,
        confidence=None,
        top=[],
        output=output,
        contestant="a",
        bundle=None,
        reason="preferred",
        deadline_met=True,
        elapsed_ms=1.0,
        candidates=[],
        received_at="2026-11-30T00:00:00+00:00",
    )
    return SampleRecord(sample="b1-1", answer=answer, kept_for=["base_rate"], probability=0.5)


def memfd(data: bytes) -> int:
    descriptor = os.memfd_create("test")
    os.write(descriptor, data)
    return descriptor


@pytest.mark.parametrize("numbers", [1, 100_000], ids=["in a packet", "in a descriptor"])
def test_an_order_and_its_input_arrive(pair: Pair, numbers: int) -> None:
    keep = protocol.Keep(7, 2, sample([0.5] * numbers), "image/png", "topic:1", redelivered=True)
    payload = memfd(b"pixels")
    send(pair[0], protocol.encode(keep), [payload])
    os.close(payload)
    data, (received,) = receive(pair[1])
    assert protocol.decode_from_agent(data) == keep
    assert os.pread(received, 100, 0) == b"pixels"
    os.close(received)


def test_what_the_spooler_says_arrives(pair: Pair) -> None:
    for message in (
        protocol.Ready(),
        protocol.Settled([1, 2], [(3, ErrorInfo("spool.full", "no room"))]),
        protocol.Outgoing(b"\xc1" * 200_000),
        protocol.Status({"entries": 3}, [ErrorInfo("spool.unwritable", "read-only")]),
    ):
        send(pair[0], protocol.encode(message), [])
        data, descriptors = receive(pair[1])
        assert protocol.decode_from_spooler(data) == message
        assert not descriptors


@pytest.mark.parametrize("garbage", [b"", b"\xff\xff", b"\x93\xa4Keep\x01", b"\x91\xa5Ready\x00", b"\x91" * 5000])
def test_garbage_is_no_message(garbage: bytes) -> None:
    for decode in (protocol.decode_from_agent, protocol.decode_from_spooler):
        with pytest.raises(protocol.SpoolerProtocolError):
            decode(garbage)
