"""What the desk and the link to cloud contestants want of each other."""

from typing import Any, Protocol

import msgspec

from roost_edge.workers import SharedPayload
from roost_shared.messages import ErrorInfo
from roost_shared.questions import InputSize
from roost_shared.rendezvous import Answer, Link
from roost_shared.scored import Scored

__all__ = ["AskListener", "Asker", "Inquiry"]


class Inquiry(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask of whom."""

    key: str  # the request's
    task: str
    contestants: tuple[str, ...]
    payload: SharedPayload  # held by the caller; the link holds it too as long as it needs it
    content_type: str | None
    inject: dict[str, Any] | None  # external state stamped on the request
    time_up_ns: int  # monotonic: a score that comes later is late
    shrunken_to: InputSize | None = None  # what was made of the picture; only for bundles that take that size


class Asker(Protocol):
    """Asks cloud contestants."""

    def ask(self, inquiry: Inquiry) -> ErrorInfo | None:
        """Ask now, in one question, or say why not; then nobody will be heard of.

        Otherwise the listener hears of each contestant once: its score or its failure, the latter before time is up;
        or, while the request waits for its answer no more, never. A score may follow a failure that was not final.
        """
        ...

    def answered(self, key: str, task: str, decision: Answer) -> None:
        """The request has its answer: nobody need be asked once more."""
        ...


class AskListener(Protocol):
    """Hears what came of it; never from within `ask` or `answered`."""

    def on_score(self, key: str, contestant: str, scored: Scored, bundle: str | None) -> None:
        """A contestant has scored a request, which may be answered by now."""
        ...

    def on_failure(self, key: str, contestant: str, error: ErrorInfo, *, final: bool = True) -> None:
        """A contestant will not score a request; not `final`: it may do so yet, but is not worth waiting for.

        `error.code` is the scorer's own, one of `score.…` for a score that makes no sense, `link.down` (the
        connection ended) or `link.lost` (unanswered for too long, or the link has turned bad); or why the question
        could not be sent after all, once its picture was shrunken: any that `ask` returns.
        """
        ...

    def on_link(self, task: str, link: Link) -> None:
        """The way to the task's cloud contestants has changed."""
        ...
