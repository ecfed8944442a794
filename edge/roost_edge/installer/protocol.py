"""What the agent and the installer's process say to each other, over one AF_UNIX SOCK_SEQPACKET socket pair.

agent                                  installer
  │◀────────────────────────────── Ready ┤  once
  ├─ Desired, as it came ───────────────▶│  whenever the cloud has said it
  │◀─── Progress, how far each bundle is ┤
  │◀──────── Refused, and why, or Staged ┤  Staged: whole, verified, on the disk
  ├─ PutInForce, its trial went well ───▶│
  │◀────────────────────────── IsInForce ┤  durable: from here on a restart runs it
  ├─ Confirm, or TakeBack and why ──────▶│
  │◀─────────────── Confirmed, TakenBack ┤  durable
  ├─ Link ──────────────────────────────▶│  the cloud is there again: what waits is tried now
  │◀───────────────────────────── Status ┤  where something changed
  ├─ Finish ────────────────────────────▶│

A `Staged` version that the agent tries and does not like is taken back too (`TakeBack`), and not tried again until a
newer one comes.
"""

from typing import Any, Final

import msgspec

from roost_edge.installer.plan import Plan
from roost_edge.subprocesses.packets import PacketError
from roost_shared.assignment import Install
from roost_shared.messages import UNREADABLE, ErrorInfo

__all__ = [
    "PACKET_LIMIT_BYTES",
    "Confirm",
    "Confirmed",
    "Desired",
    "Finish",
    "FromAgent",
    "FromInstaller",
    "InstallerProtocolError",
    "IsInForce",
    "Link",
    "Progress",
    "PutInForce",
    "Ready",
    "Refused",
    "Staged",
    "Status",
    "TakeBack",
    "TakenBack",
    "decode_from_agent",
    "decode_from_installer",
    "encode",
]

PACKET_LIMIT_BYTES: Final = 1 << 20  # a signed assignment is a quarter of that at most


class InstallerProtocolError(PacketError):
    """The other end sent what is no message, or one that does not belong here."""

    code = "installer.protocol"


class Desired(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The signed assignment, as it came; empty: there is none any more, and what runs stays."""

    envelope: bytes


class PutInForce(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The version works here: from now on it is what this device runs, after a restart too."""

    version: int


class Confirm(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The version in force has proven itself: what is older than the one before it may go."""

    version: int


class TakeBack(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The version, staged or in force, does not work here: what was before it is in force again."""

    version: int
    error: ErrorInfo


class Link(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The cloud can be reached now, or no more."""

    up: bool


class Finish(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """End; what is half done is gone on with after the next start."""


class Ready(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What lay on the disk is read."""


class Progress(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """How far the bundles of a version are."""

    version: int
    installs: list[Install]


class Refused(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What came is not for this device, not to be believed, or cannot run here. What runs goes on running."""

    version: int  # 0 where it could not be believed to be of any
    error: ErrorInfo
    installs: list[Install] = []
    again: bool = False  # it will be tried again by itself, such as where the cloud cannot be reached


class Staged(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A version is whole on the disk; its bundles are released, unaltered, and fit this device."""

    plan: Plan


class IsInForce(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """After a restart the device will run this version."""

    version: int


class Confirmed(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Nothing will take the device back from this version any more by itself."""

    version: int


class TakenBack(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The version will not be tried again; `in_force` is the one that a restart will run, 0 for none."""

    version: int
    in_force: int


class Status(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """For `roost-agent status`, and what went wrong since the last, for the agent's log."""

    trust: str  # a `TrustState`
    desired: int
    figures: dict[str, Any]
    faults: list[ErrorInfo] = []


FromAgent = Desired | PutInForce | Confirm | TakeBack | Link | Finish
FromInstaller = Ready | Progress | Refused | Staged | IsInForce | Confirmed | TakenBack | Status

_encoder = msgspec.msgpack.Encoder()
_from_agent: msgspec.msgpack.Decoder[FromAgent] = msgspec.msgpack.Decoder(FromAgent)
_from_installer: msgspec.msgpack.Decoder[FromInstaller] = msgspec.msgpack.Decoder(FromInstaller)


def encode(message: FromAgent | FromInstaller) -> bytes:
    """The packet of a message.

    Raises:
        InstallerProtocolError: it is larger than a packet may be.
    """
    packet = _encoder.encode(message)
    if len(packet) > PACKET_LIMIT_BYTES:
        raise InstallerProtocolError(f"{type(message).__name__} of {len(packet)} bytes: at most {PACKET_LIMIT_BYTES}")
    return packet


def decode_from_agent(packet: bytes) -> FromAgent:
    """The message in a packet from the agent.

    Raises:
        InstallerProtocolError: it is none.
    """
    try:
        return _from_agent.decode(packet)
    except UNREADABLE as error:
        raise InstallerProtocolError(f"the agent sent no message: {error}") from error


def decode_from_installer(packet: bytes) -> FromInstaller:
    """The message in a packet from the installer.

    Raises:
        InstallerProtocolError: it is none.
    """
    try:
        return _from_installer.decode(packet)
    except UNREADABLE as error:
        raise InstallerProtocolError(f"the installer sent no message: {error}") from error
