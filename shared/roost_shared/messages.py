"""What crosses the wire, as structs; JSON where people and foreign programs read it, else MessagePack.

Every message carries `schema_version`. Unknown fields are ignored, so a newer peer may add some; a change that
an older reader would misunderstand raises the number, and `decode` then says which side to upgrade.
"""

from collections.abc import Callable
from typing import Any, Final, Literal, Protocol, TypeVar

import msgspec

from roost_shared.errors import ContentError

__all__ = [
    "SCHEMA_VERSION",
    "UNREADABLE",
    "Answer",
    "Candidate",
    "ErrorInfo",
    "MessageError",
    "Reason",
    "State",
    "VersionMismatchError",
    "decode_json",
    "decode_msgpack",
    "encode_json",
    "encode_msgpack",
]

SCHEMA_VERSION: Final = 1

# What msgspec raises of foreign bytes. It is no error of its own, but Python's, of bad UTF-8, of a moment after the
# year 9999, and of what is nested too deep even in a field that nobody reads.
UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)

Reason = Literal["preferred", "fallback", "deadline", "default", "forced", "overloaded"]


class MessageError(ContentError):
    """A message cannot be read."""

    code = "message.invalid"


class VersionMismatchError(MessageError):
    """A message follows another schema version than ours."""

    code = "message.version"

    def __init__(self, kind: str, theirs: int) -> None:
        side = "this side" if theirs > SCHEMA_VERSION else "the sender"
        super().__init__(f"{kind} has schema_version {theirs}, we read {SCHEMA_VERSION}: upgrade {side}")
        self.theirs = theirs


class ErrorInfo(msgspec.Struct, frozen=True):
    """An error as others see it: a stable dotted `code` and one line for a person."""

    code: str
    message: str


class Candidate(msgspec.Struct, frozen=True):
    """What one contestant had said when the answer left; `error` if it failed."""

    contestant: str
    bundle: str | None  # "name:version@sha256:…", None where it is not known (a cloud contestant that never scored)
    label: str | None
    confidence: float | None  # 0…1; None if the bundle defines none
    elapsed_ms: float  # from receipt of the input to this score
    error: ErrorInfo | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller gets; exactly one per request (DESIGN.md, section 6)."""

    schema_version: int = SCHEMA_VERSION
    id: str
    task: str
    label: str | None
    confidence: float | None
    top: list[tuple[str, float]]  # best labels first, with their probabilities
    output: Any  # a number for regression, a list for an embedding, None for classification
    contestant: str | None  # None for a default
    bundle: str | None
    reason: Reason
    deadline_met: bool
    elapsed_ms: float  # from receipt of the input to the hand-over to the socket
    candidates: list[Candidate]
    received_at: str  # RFC 3339, UTC, by the device's wall clock
    error: ErrorInfo | None = None  # why there is no better answer
    inject: dict[str, Any] | None = None  # external state stamped on the request
    redelivered: bool = False  # the input may have been answered by an earlier boot
    unsigned: bool = False  # by a bundle from a folder, whose signature nobody checked


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A device's retained birth (`online`) and will (`offline`).

    An `offline` counts only if `boot` and `session` equal those of the last `online`: a late will of an earlier
    connection must not hide a live one.
    """

    schema_version: int = SCHEMA_VERSION
    state: Literal["online", "offline"]
    boot: str  # new for each start of the agent
    session: int  # counts connections within a boot
    reason: str | None = None  # for offline: "stopped" (graceful) or "lost" (the will)
    version: str | None = None  # of the agent
    problem: str | None = None  # e.g. "duplicate_identity"


class _Versioned(Protocol):
    @property
    def schema_version(self) -> int: ...


_Message = TypeVar("_Message", bound=_Versioned)
_json_encoder = msgspec.json.Encoder()
_msgpack_encoder = msgspec.msgpack.Encoder()


class _Version(msgspec.Struct):
    schema_version: int = SCHEMA_VERSION


def encode_json(message: _Versioned) -> bytes:
    """Encode a message as JSON."""
    return _json_encoder.encode(message)


def encode_msgpack(message: _Versioned) -> bytes:
    """Encode a message as MessagePack."""
    return _msgpack_encoder.encode(message)


def decode_json(data: bytes, kind: type[_Message]) -> _Message:
    """Decode a message of `kind`.

    Raises:
        VersionMismatchError: it is newer or older than we read; says which side to upgrade.
        MessageError: it is no such message; says where.
    """
    return _decode(msgspec.json.decode, data, kind)


def decode_msgpack(data: bytes, kind: type[_Message]) -> _Message:
    """Decode a message of `kind` from MessagePack; raises as `decode_json` does."""
    return _decode(msgspec.msgpack.decode, data, kind)


def _decode(decode: Callable[..., Any], data: bytes, kind: type[_Message]) -> _Message:
    try:
        message: _Message = decode(data, type=kind)
    except UNREADABLE as error:
        # A newer message may fail for what we cannot know: then its version is the better reason.
        _check_version(decode, data, kind)
        raise MessageError(f"{kind.__name__}: {error}") from error
    if message.schema_version != SCHEMA_VERSION:
        raise VersionMismatchError(kind.__name__, message.schema_version)
    return message


def _check_version(decode: Callable[..., Any], data: bytes, kind: type[_Versioned]) -> None:
    try:
        version = decode(data, type=_Version).schema_version
    except UNREADABLE:
        return
    if version != SCHEMA_VERSION:
        raise VersionMismatchError(kind.__name__, version)
