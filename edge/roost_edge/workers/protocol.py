"""What the agent and a worker say to each other, over one AF_UNIX SOCK_SEQPACKET socket pair.

One packet is one message: a MessagePack array by msgspec whose first element names its kind. Both ends come
from the same installation; `PROTOCOL` guards a worker started after files were replaced below a running agent.

    agent                              worker
      ├─ Load, descriptor of mark ─────▶│  once: what to serve
      │◀───────────────────────── Ready ┤  once; if it can serve none of them it exits
      ├─ Work, descriptor of payload ──▶│  at most two whose first reply is still to come
      │◀──────────────── Done or Failed ┤  for each contestant of each Work, in the order it names them
      │◀────────────────────── Measured ┤  of some inputs, after the first of these, where that is asked for

A worker serves a list of contestants that share a base stage. A `Work` names which of them shall score, the one that
may answer first: its reply leaves before another head runs, and replies of the others may come after those of later
`Work`. The agent closes its end, or kills, to say goodbye.
"""

from typing import Any, Final

import msgspec

from roost_shared.errors import DeviceError
from roost_shared.limits import InputLimits
from roost_shared.messages import UNREADABLE, ErrorInfo
from roost_shared.phi.vector import PhiVector
from roost_shared.runtime_settings import RuntimeSettings
from roost_shared.scored import Scored

__all__ = [
    "FAULT",
    "MESSAGE_LIMIT_BYTES",
    "OVERLOADED",
    "PROTOCOL",
    "TOO_LATE",
    "ContestantSource",
    "Done",
    "Failed",
    "FromAgent",
    "FromWorker",
    "Load",
    "Loaded",
    "Measured",
    "ProtocolError",
    "Ready",
    "Refused",
    "UnsendableError",
    "Work",
    "decode_from_agent",
    "decode_from_worker",
    "encode",
]

PROTOCOL: Final = 4
FAULT: Final = "worker.fault"  # the code of an error nobody raised on purpose
TOO_LATE: Final = "worker.too_late"  # the code of a score given up since no answer could come of it
OVERLOADED: Final = "worker.overloaded"  # the code of a score given up so that others are in time
# Two jobs, or the replies to two, fit a socket buffer of the default size (212,992 bytes).
MESSAGE_LIMIT_BYTES: Final = 65_536


class ProtocolError(DeviceError):
    """The other end sent what is no message, or one that does not belong here."""

    code = "worker.protocol"


class UnsendableError(DeviceError):
    """External state, or a model's output, is too large or too odd to travel."""

    code = "worker.unsendable"


class ContestantSource(msgspec.Struct, frozen=True, array_like=True):
    """A contestant and where its bundle lies."""

    contestant: str
    bundle_folder: str


class Load(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What the worker shall serve, and within what."""

    protocol: int
    contestants: list[ContestantSource]
    runtime: RuntimeSettings
    limits: InputLimits
    gently: bool = False  # load behind everything else that runs
    measured_per_s: float = 0.0  # inputs a second of which φ is measured at least; 0: of none


class Work(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Score the payload whose descriptor rides on this packet."""

    sequence: int
    contestants: list[str]
    content_type: str | None
    inject: dict[str, Any]


class Loaded(msgspec.Struct, frozen=True, array_like=True):
    """A contestant that is ready, and what that took."""

    contestant: str
    bundle: str  # "name:version@sha256:…"
    open_us: int  # opening and hashing the bundle
    load_us: int  # making the runtime ready
    golden_us: int  # a golden vector, on average
    golden_hash: str  # what its golden vectors gave here, to the last bit
    hardware: str  # what that depends on: machines that say the same give the same


class Refused(msgspec.Struct, frozen=True, array_like=True):
    """A contestant the worker cannot serve."""

    contestant: str
    error: ErrorInfo
    lasting: bool  # trying again soon cannot help


class Ready(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Which contestants passed their golden vectors on this hardware, each alone, and which cannot be served."""

    protocol: int
    contestants: list[Loaded]
    refused: list[Refused] = []


class Done(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What a contestant says of one input."""

    sequence: int
    contestant: str
    scored: Scored
    took_us: int  # of the first contestant, from the packet's arrival to its score; of another, its head alone


class Measured(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """φ of an input as the models see it, or why there is none; of some inputs, and a reply to nothing."""

    phi: PhiVector | None
    error: ErrorInfo | None = None


class Failed(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Why a contestant has no score for one input."""

    sequence: int
    contestant: str
    error: ErrorInfo


FromAgent = Load | Work
FromWorker = Ready | Done | Failed | Measured

_encoder = msgspec.msgpack.Encoder()
_from_agent: msgspec.msgpack.Decoder[FromAgent] = msgspec.msgpack.Decoder(FromAgent)
_from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)


def encode(message: FromAgent | FromWorker) -> bytes:
    """The packet of a message.

    Raises:
        UnsendableError: a value in it has no MessagePack form, or it exceeds `MESSAGE_LIMIT_BYTES`.
    """
    try:
        packet = _encoder.encode(message)
    except (msgspec.MsgspecError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise UnsendableError(f"{type(message).__name__} holds what MessagePack cannot: {error}") from error
    if len(packet) > MESSAGE_LIMIT_BYTES:
        raise UnsendableError(
            f"{type(message).__name__} of {len(packet)} bytes exceeds the {MESSAGE_LIMIT_BYTES} that travel"
        )
    return packet


def decode_from_agent(packet: bytes | memoryview) -> FromAgent:
    """The message in a packet from the agent.

    Raises:
        ProtocolError: it is none.
    """
    try:
        return _from_agent.decode(packet)
    except UNREADABLE as error:
        raise ProtocolError(f"the agent sent no message: {error}") from error


def decode_from_worker(packet: bytes | memoryview) -> FromWorker:
    """The message in a packet from a worker.

    Raises:
        ProtocolError: it is none.
    """
    try:
        return _from_worker.decode(packet)
    except UNREADABLE as error:
        raise ProtocolError(f"the worker sent no message: {error}") from error
