"""What the agent and the spooler's process say to each other, over one AF_UNIX SOCK_SEQPACKET socket pair.

agent                                     spooler
  │◀──────────────────────────────── Ready ┤  once
  ├─ Keep, descriptor of the input ───────▶│  each with a number
  ├─ Note ────────────────────────────────▶│
  ├─ Hurry ───────────────────────────────▶│  where it may not wait for more to commit with them
  │◀──────────────── Settled, their numbers ┤  durable, or refused
  ├─ Raise, Covered, Link ────────────────▶│
  │◀─────────────── Outgoing, for the cloud ┤  while the link is up
  │◀──────────────────────────────── Status ┤  once a second, where something changed
  ├─ Finish ──────────────────────────────▶│  it commits what it has, and ends

How a message travels, `roost_edge.subprocesses.packets` says.
"""

from typing import Any

import msgspec

from roost_edge.subprocesses.packets import PacketError
from roost_shared.messages import UNREADABLE, ErrorInfo
from roost_shared.records import SampleRecord

__all__ = [
    "Covered",
    "Finish",
    "FromAgent",
    "FromSpooler",
    "Hurry",
    "Keep",
    "Link",
    "Note",
    "Outgoing",
    "Raise",
    "Ready",
    "Settled",
    "SpoolerProtocolError",
    "Status",
    "decode_from_agent",
    "decode_from_spooler",
    "encode",
]


class SpoolerProtocolError(PacketError):
    """The other end sent what is no message, or one that does not belong here."""

    code = "spooler.protocol"


class Keep(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Keep the input whose descriptor rides on this packet, and the record on it."""

    number: int
    priority: int  # higher ones outlive lower ones
    record: SampleRecord  # its `input` is filled in by whoever reads the bytes
    content_type: str | None = None
    correlation: str = ""  # what tells the input from another of the same bytes, beside them
    redelivered: bool = False  # an earlier boot may have kept it


class Note(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Keep a record for the cloud."""

    number: int
    record: bytes


class Hurry(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Commit what is in hand now: much waits for it."""


class Raise(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Something speaks for an input that is kept already."""

    sample: str
    priority: int
    likelier: float = 1.0  # to be kept than was said


class Covered(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The cloud's watermark."""

    boot: str
    sequence: int


class Link(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Records can be sent to the cloud now, or no more."""

    up: bool


class Finish(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Commit what is in hand, and end."""


class Ready(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What lay on the disk is read and sound."""


class Settled(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What became of orders."""

    durable: list[int]
    refused: list[tuple[int, ErrorInfo]] = []


class Outgoing(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A batch of records, for the telemetry topic."""

    batch: bytes


class Status(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Counts, for `roost-agent status`, and what went wrong since the last, for its log."""

    figures: dict[str, Any]
    faults: list[ErrorInfo] = []


FromAgent = Keep | Note | Hurry | Raise | Covered | Link | Finish
FromSpooler = Ready | Settled | Outgoing | Status

_encoder = msgspec.msgpack.Encoder()
_from_agent: msgspec.msgpack.Decoder[FromAgent] = msgspec.msgpack.Decoder(FromAgent)
_from_spooler: msgspec.msgpack.Decoder[FromSpooler] = msgspec.msgpack.Decoder(FromSpooler)


def encode(message: FromAgent | FromSpooler) -> bytes:
    """The bytes of a message."""
    return _encoder.encode(message)


def decode_from_agent(data: bytes) -> FromAgent:
    """The message in what the agent sent.

    Raises:
        SpoolerProtocolError: it is none.
    """
    try:
        return _from_agent.decode(data)
    except UNREADABLE as error:
        raise SpoolerProtocolError(f"the agent sent no message: {error}") from error


def decode_from_spooler(data: bytes) -> FromSpooler:
    """The message in what the spooler sent.

    Raises:
        SpoolerProtocolError: it is none.
    """
    try:
        return _from_spooler.decode(data)
    except UNREADABLE as error:
        raise SpoolerProtocolError(f"the spooler sent no message: {error}") from error
