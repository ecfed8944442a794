"""From the rendezvous' decision to the answer on the wire. Pure."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from roost_shared import messages
from roost_shared.clock import ns_to_ms
from roost_shared.messages import Candidate, ErrorInfo
from roost_shared.rendezvous import Answer, Seen

__all__ = ["Asked", "default_answer", "scored_answer"]

NO_SCORE: Final = ErrorInfo("deadline.no_score", "no contestant scored in time")
OVERLOADED: Final = ErrorInfo("overloaded", "too many requests are in flight; slow down, or raise the limit")


class Asked(Protocol):
    """What an answer repeats of its request."""

    @property
    def id(self) -> str:
        """The caller's, or a minted one."""
        ...

    @property
    def task(self) -> str:
        """The task's name."""
        ...

    @property
    def received_at(self) -> str:
        """RFC 3339, UTC."""
        ...

    @property
    def redelivered(self) -> bool:
        """Whether it may have been answered by an earlier boot."""
        ...


def scored_answer(
    decision: Answer,
    request: Asked,
    *,
    default: str | None,
    bundles: Mapping[str, str],
    unsigned: bool,
    inject: dict[str, Any] | None,
    elapsed_ns: int,
    deadline_met: bool,
) -> messages.Answer:
    """The wire form of a decision.

    Args:
        decision: what the rendezvous decided.
        request: the input it answers.
        default: the task's default label.
        bundles: contestant to bundle reference.
        unsigned: nobody checked a signature on the task's bundles.
        inject: external state stamped on the request.
        elapsed_ns: from receipt to now, nanoseconds.
        deadline_met: the answer can leave, and in time.
    """
    score = decision.score
    return messages.Answer(
        id=request.id,
        task=request.task,
        label=default if score is None else score.label,
        confidence=None if score is None else score.confidence,
        top=[] if score is None else list(score.top),
        output=None if score is None else score.output,
        contestant=None if score is None else score.contestant,
        bundle=None if score is None else score.bundle,
        reason=decision.reason,
        deadline_met=deadline_met,
        elapsed_ms=ns_to_ms(elapsed_ns),
        candidates=[_candidate(seen, bundles) for seen in decision.candidates],
        received_at=request.received_at,
        error=_why_default(decision) if score is None else None,
        inject=inject,
        redelivered=request.redelivered,
        unsigned=unsigned and score is not None,
    )


def default_answer(
    request: Asked, error: ErrorInfo, *, default: str | None, elapsed_ns: int, deadline_met: bool
) -> messages.Answer:
    """The answer to an input that no contestant could be asked about."""
    return messages.Answer(
        id=request.id,
        task=request.task,
        label=default,
        confidence=None,
        top=[],
        output=None,
        contestant=None,
        bundle=None,
        reason="default",
        deadline_met=deadline_met,
        elapsed_ms=ns_to_ms(elapsed_ns),
        candidates=[],
        received_at=request.received_at,
        error=error,
        redelivered=request.redelivered,
    )


def _candidate(seen: Seen, bundles: Mapping[str, str]) -> Candidate:
    score = seen.score
    return Candidate(
        contestant=seen.contestant,
        bundle=bundles.get(seen.contestant) if score is None else score.bundle,
        label=None if score is None else score.label,
        confidence=None if score is None else score.confidence,
        elapsed_ms=ns_to_ms(seen.elapsed_ns),
        error=seen.error,
    )


def _why_default(decision: Answer) -> ErrorInfo:
    """The error that best explains a default: a fault of the input before one of a contestant."""
    if decision.reason == "overloaded":
        return OVERLOADED
    errors = [seen.error for seen in decision.candidates if seen.error is not None]
    for error in errors:
        if error.code.startswith("input."):
            return error
    return errors[0] if errors else NO_SCORE
