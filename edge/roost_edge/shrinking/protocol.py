"""What the agent and the shrinker's process say to each other, over one AF_UNIX SOCK_SEQPACKET socket pair.

agent                                shrinker
  │◀─────────────────────────── Ready ┤  once
  ├─ Shrink, descriptor of payload ──▶│  one at a time
  │◀──── Shrunk, descriptor of picture ┤  or Kept, with none
"""

from typing import Final

import msgspec

from roost_shared.errors import DeviceError
from roost_shared.limits import InputLimits
from roost_shared.messages import UNREADABLE, ErrorInfo
from roost_shared.questions import InputSize

__all__ = ["MESSAGE_LIMIT_BYTES", "FromShrinker", "Kept", "Ready", "Shrink", "ShrinkerProtocolError", "Shrunk"]
__all__ += ["decode_from_agent", "decode_from_shrinker", "encode"]

MESSAGE_LIMIT_BYTES: Final = 4096


class ShrinkerProtocolError(DeviceError):
    """The other end sent what is no message, or one that does not belong here."""

    code = "shrinker.protocol"


class Shrink(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Shrink the picture whose descriptor rides on this packet."""

    size: InputSize
    limits: InputLimits


class Ready(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """All is loaded."""


class Shrunk(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The descriptor that rides on this packet holds the picture, as PNG; it is smaller than the original."""

    picture_bytes: int


class Kept(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """There is nothing to gain, or nothing to be made of this payload."""

    error: ErrorInfo


FromShrinker = Ready | Shrunk | Kept

_encoder = msgspec.msgpack.Encoder()
_from_agent: msgspec.msgpack.Decoder[Shrink] = msgspec.msgpack.Decoder(Shrink)
_from_shrinker: msgspec.msgpack.Decoder[FromShrinker] = msgspec.msgpack.Decoder(FromShrinker)


def encode(message: Shrink | FromShrinker) -> bytes:
    """The packet of a message."""
    return _encoder.encode(message)


def decode_from_agent(packet: bytes) -> Shrink:
    """The message in a packet from the agent.

    Raises:
        ShrinkerProtocolError: it is none.
    """
    try:
        return _from_agent.decode(packet)
    except UNREADABLE as error:
        raise ShrinkerProtocolError(f"the agent sent no message: {error}") from error


def decode_from_shrinker(packet: bytes) -> FromShrinker:
    """The message in a packet from the shrinker.

    Raises:
        ShrinkerProtocolError: it is none.
    """
    try:
        return _from_shrinker.decode(packet)
    except UNREADABLE as error:
        raise ShrinkerProtocolError(f"the shrinker sent no message: {error}") from error
