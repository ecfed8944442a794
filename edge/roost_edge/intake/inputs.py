"""An input on its way to an answer, whichever intake it came by."""

from enum import Enum
from typing import Protocol

import msgspec

from roost_shared.errors import ContentError
from roost_shared.messages import Answer, ErrorInfo

__all__ = ["Delivery", "Input", "RefusedInputError", "Reply"]


class Delivery(Enum):
    """What became of an answer on its way back."""

    HANDED = "handed"  # the socket has it
    QUEUED = "queued"  # it will go as soon as there is room
    REFUSED = "refused"  # it can never go
    AWAY = "away"  # nobody is there to take it; the input may come again


class RefusedInputError(ContentError):
    """An input that no contestant can be asked about; it is answered with the default and this error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.info = ErrorInfo(code, message)


class Reply(Protocol):
    """The way back to whoever asked."""

    def answered(self) -> bool:
        """Whether an earlier delivery of this very input has its answer on the way: it needs no other."""
        ...

    def can_deliver(self) -> bool:
        """Whether an answer given now would be handed to the socket."""
        ...

    def deliver(self, answer: Answer) -> Delivery:
        """Hand the answer over."""
        ...

    def settled(self) -> None:
        """The desk is done with the input, so it needs no redelivery: at once, or once its answer has left us.

        A reply whose answer was `QUEUED` puts it off by itself until the answer can no longer be lost with us.
        """
        ...


class Input(msgspec.Struct, kw_only=True):
    """One input as an intake read it; the intake fills it, the desk reads it.

    Attributes:
        key: identity among all requests (caller's id with its scope, or a minted one).
        id: what the answer says as `id`.
        task: name of the task.
        payload: the input itself, as received; emptied once the workers have their copy.
        content_type: as the caller stated it.
        received_ns: when it was read, monotonic.
        received_at: the same by the wall clock, RFC 3339, UTC.
        reply: the way back.
        deadline_ns: the caller's own, from receipt.
        force: the only contestant that may answer.
        repeatable: the caller gave the id and may repeat it.
        expires_ns: if it still waits for its turn then, monotonic, nobody wants the answer any more.
        backlog: it waited at the broker while we were away; live inputs go first.
        redelivered: an earlier boot may have answered it.
        correlation: what its caller knows it by, the same whenever it is delivered; empty if the caller said nothing.
        keep: an operator asks that it be kept.
    """

    key: str
    id: str
    task: str
    payload: bytes | memoryview
    content_type: str | None
    received_ns: int
    received_at: str
    reply: Reply
    deadline_ns: int | None = None
    expires_ns: int | None = None
    force: str | None = None
    repeatable: bool = False
    backlog: bool = False
    redelivered: bool = False
    correlation: str = ""
    keep: bool = False
