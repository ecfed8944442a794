"""What agent and spooler say to each other arrives whole, whatever its size, or is refused."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost_edge.spooler import protocol
from roost_shared.messages import Answer, ErrorInfo
from roost_shared.records import SampleRecord

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
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


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("numbers", [1, 100_000], ids=["in a packet", "in a descriptor"])
def test_an_order_and_its_input_arrive(pair: Pair, numbers: int) -> None:
    keep = protocol.Keep(7, 2, sample([0.5] * numbers), "image/png", "topic:1", redelivered=True)
    payload = memfd(b"pixels")
    protocol.send(pair[0], protocol.encode(keep), [payload])
    os.close(payload)
    data, (received,) = protocol.receive(pair[1])
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
        protocol.send(pair[0], protocol.encode(message), [])
        data, descriptors = protocol.receive(pair[1])
        assert protocol.decode_from_spooler(data) == message
        assert not descriptors


def test_the_end_of_the_other_is_no_bytes(pair: Pair) -> None:
    pair[0].close()
    assert protocol.receive(pair[1]) == (b"", [])


def test_nothing_there_yet_blocks_nobody(pair: Pair) -> None:
    with pytest.raises(BlockingIOError):
        protocol.receive(pair[1])


def test_more_than_a_packet_and_a_large_message_without_bytes_are_refused(pair: Pair) -> None:
    pair[0].send(b"x" * 70_000)
    pair[0].send(b"\xc1")
    empty = memfd(b"")
    socket.send_fds(pair[0], [b"\xc1"], [empty])
    os.close(empty)
    open_before = open_descriptors()
    for _ in range(3):
        with pytest.raises(protocol.SpoolerProtocolError):
            protocol.receive(pair[1])
    assert open_descriptors() == open_before, "no descriptor is left behind"


@pytest.mark.parametrize("garbage", [b"", b"\xff\xff", b"\x93\xa4Keep\x01", b"\x91\xa5Ready\x00", b"\x91" * 5000])
def test_garbage_is_no_message(garbage: bytes) -> None:
    for decode in (protocol.decode_from_agent, protocol.decode_from_spooler):
        with pytest.raises(protocol.SpoolerProtocolError):
            decode(garbage)
