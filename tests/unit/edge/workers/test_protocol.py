from typing import Any

import pytest

from roost_edge.workers import protocol
from roost_edge.workers.protocol import (
    ContestantSource,
    Done,
    Failed,
    Load,
    Loaded,
    ProtocolError,
    Ready,
    Refused,
    UnsendableError,
    Work,
)
from roost_shared.limits import InputLimits
from roost_shared.messages import ErrorInfo
from roost_shared.runtime_settings import RuntimeSettings
from roost_shared.scored import Scored

FROM_AGENT: list[protocol.FromAgent] = [
    Load(
        1,
        [ContestantSource("primary", "/bundles/meter-7")],
        RuntimeSettings(threads=2, name="litert", delegate="libedgetpu.so.1", delegate_options={"device": "usb"}),
        InputLimits(image_pixels=100),
    ),
    Work(7, ["primary", "shadow"], "image/jpeg", {"season": "winter", "level": 3.5}),
    Work(0, ["primary"], None, {}),
]
FROM_WORKER: list[protocol.FromWorker] = [
    Ready(1, [Loaded("primary", "meter:7@sha256:ab", 1, 2, 3, "cd", "x86_64")]),
    Ready(1, [], [Refused("primary", ErrorInfo("bundle.altered_blob", "sha256:ab"), lasting=True)]),
    Done(7, "primary", Scored("7", 0.98, [("7", 0.98), ("1", 0.01)]), 3900),
    Done(7, "primary", Scored(None, None, [], [0.5, float("inf")]), 3900),
    Failed(8, "primary", ErrorInfo("input.truncated", "the image ends early")),
]


@pytest.mark.parametrize("message", FROM_AGENT, ids=repr)
def test_the_agents_messages_survive_the_wire(message: protocol.FromAgent) -> None:
    assert protocol.decode_from_agent(protocol.encode(message)) == message


@pytest.mark.parametrize("message", FROM_WORKER, ids=repr)
def test_a_workers_messages_survive_the_wire(message: protocol.FromWorker) -> None:
    assert protocol.decode_from_worker(memoryview(bytearray(protocol.encode(message)))) == message


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x00",
        b"garbage",
        b"\x91" * 60_000,
        b"\x91\xa4Nope",
        b"\x94\xa4Done\x01\x02\x03",
        b"\xdd\xff\xff\xff\xff",
        b"\x95\xa4Work\x01\x90\xc0\x81\xa1x" + b"\x91" * 60_000,
    ],
)
def test_what_is_no_message_is_a_protocol_error(packet: bytes) -> None:
    with pytest.raises(ProtocolError):
        protocol.decode_from_worker(packet)
    with pytest.raises(ProtocolError):
        protocol.decode_from_agent(packet)


def test_neither_end_takes_the_others_messages() -> None:
    with pytest.raises(ProtocolError):
        protocol.decode_from_agent(protocol.encode(FROM_WORKER[0]))
    with pytest.raises(ProtocolError):
        protocol.decode_from_worker(protocol.encode(FROM_AGENT[0]))


def nested(depth: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return {"x": value}


@pytest.mark.parametrize(
    "inject", [{"x": 2**80}, {"x": object()}, nested(100_000), {"x": "y" * 70_000}], ids=["big", "odd", "deep", "long"]
)
def test_what_cannot_travel_is_refused_before_it_does(inject: dict[str, Any]) -> None:
    with pytest.raises(UnsendableError):
        protocol.encode(Work(1, ["primary"], None, inject))
