"""What goes between the agent and its processes arrives whole, or is refused, and leaves no descriptor behind."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost_edge.subprocesses.packets import PacketError, receive, send

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        yield ours, theirs


def memfd(data: bytes) -> int:
    descriptor = os.memfd_create("test")
    os.write(descriptor, data)
    return descriptor


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("size_bytes", [1, 64 << 10, (64 << 10) + 1, 1 << 20])
def test_a_message_of_any_size_arrives_with_what_rides_on_it(pair: Pair, size_bytes: int) -> None:
    payload = memfd(b"pixels")
    open_before = open_descriptors()
    send(pair[0], b"x" * size_bytes, [payload])
    data, (received,) = receive(pair[1])
    assert data == b"x" * size_bytes
    assert os.pread(received, 100, 0) == b"pixels"
    os.close(received)
    assert open_descriptors() == open_before
    os.close(payload)


def test_the_end_of_the_other_is_no_bytes(pair: Pair) -> None:
    pair[0].close()
    assert receive(pair[1]) == (b"", [])


def test_nothing_there_yet_blocks_nobody(pair: Pair) -> None:
    with pytest.raises(BlockingIOError):
        receive(pair[1])


def test_more_than_a_packet_and_a_large_message_without_bytes_are_refused(pair: Pair) -> None:
    pair[0].send(b"x" * 70_000)
    pair[0].send(b"\xc1")
    empty = memfd(b"")
    socket.send_fds(pair[0], [b"\xc1"], [empty])
    os.close(empty)
    open_before = open_descriptors()
    for _ in range(3):
        with pytest.raises(PacketError):
            receive(pair[1])
    assert open_descriptors() == open_before, "no descriptor is left behind"
