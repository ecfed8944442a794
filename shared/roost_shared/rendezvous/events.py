"""What goes into the rendezvous and what comes out.

In: `Request`, `Score`, `ErrorInfo` for a failure, `Link`. Out, as a list in order: `Answer`, `Ask`, `Late`, `Close`,
`Duplicate`. Structs without behaviour, outside the garbage collector's sight since they form no cycles; moments are
monotonic nanoseconds of the machine that answers.
"""

from typing import Any

import msgspec

from roost_shared.messages import ErrorInfo, Reason

__all__ = ["Answer", "Ask", "Close", "Duplicate", "Effect", "Late", "Link", "Request", "Score", "Seen"]


class Request(msgspec.Struct, frozen=True, gc=False):
    """One input to be answered once."""

    id: str
    received_ns: int
    deadline_ns: int | None = None  # the caller's own, from receipt; None: the task's
    force: str | None = None  # the only contestant that may answer
    remember: bool = True  # False for ids minted here: nobody can repeat them
    inject: dict[str, Any] | None = None  # external state, stamped once; the policy only carries it
    fingerprint: int = 0  # of the payload, to tell a repeated id from a reused one; the policy only carries it


class Score(msgspec.Struct, frozen=True, gc=False):
    """What a contestant says of a request."""

    contestant: str
    label: str | None = None
    confidence: float | None = None  # 0…1
    top: tuple[tuple[str, float], ...] = ()
    output: Any = None
    bundle: str | None = None


class Seen(msgspec.Struct, frozen=True, gc=False):
    """A contestant's score or failure, with the time it took."""

    contestant: str
    elapsed_ns: int
    score: Score | None = None
    error: ErrorInfo | None = None


class Link(msgspec.Struct, frozen=True, gc=False):
    """What is known of the way to the cloud contestants of a task."""

    up: bool = False
    round_trip_ns: int = 0  # p95: a question fits if this much time is left


class Answer(msgspec.Struct, frozen=True, gc=False):
    """Answer the caller now. Exactly one per request."""

    request: Request
    reason: Reason
    score: Score | None  # None: the default
    candidates: tuple[Seen, ...]  # in order of arrival
    elapsed_ns: int


class Ask(msgspec.Struct, frozen=True, gc=False):
    """Send the input to this cloud contestant; report `failure` if that cannot be done."""

    request: Request
    contestant: str


class Late(msgspec.Struct, frozen=True, gc=False):
    """A score that came after the answer: recorded, and a teacher's label where it differs."""

    request: Request
    score: Score
    differs: bool


class Close(msgspec.Struct, frozen=True, gc=False):
    """Nothing more is expected of this request; its input may be released."""

    request: Request


class Duplicate(msgspec.Struct, frozen=True, gc=False):
    """The id came before. `answer` is what it got, or None while it is still open and will get its answer."""

    request: Request
    answer: Answer | None


Effect = Answer | Ask | Late | Close | Duplicate
