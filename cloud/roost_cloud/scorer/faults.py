"""What a scorer answers where it does not score; the codes cross the wire."""

from roost_shared.errors import ContentError, TransportError

__all__ = ["ExpiredError", "FaultError", "OverloadedError", "UnavailableError", "UnknownContestantError"]


class UnknownContestantError(ContentError):
    """The tenant has no such task, or the task has no such contestant in the cloud."""

    code = "contestant.unknown"


class UnavailableError(TransportError):
    """The contestant's bundle is not loaded: not yet, or not any more, or it cannot be."""

    code = "contestant.unavailable"


class ExpiredError(TransportError):
    """Time was up before it was the question's turn; no model was spent on it."""

    code = "question.expired"


class OverloadedError(TransportError):
    """More questions wait than may."""

    code = "scorer.overloaded"


class FaultError(TransportError):
    """A fault of the scorer's own; its log says more."""

    code = "scorer.fault"
