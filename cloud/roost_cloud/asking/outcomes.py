"""What `Asking` wants done, and what it is told of a doubt."""

from typing import NamedTuple

from roost_shared.messages import ErrorInfo
from roost_shared.questions import CloudScore, Question
from roost_shared.rendezvous import Answer

__all__ = ["Answered", "Complaint", "Doubt", "Judge", "Outcome", "Send"]


class Send(NamedTuple):
    """Send this question."""

    tenant: str
    task: str
    question: Question


class Answered(NamedTuple):
    """Whoever waits for this request has an answer."""

    request_id: str
    answer: Answer


class Complaint(NamedTuple):
    """Name a score that is of no use."""

    error: ErrorInfo


class Doubt(NamedTuple):
    """Look anew at what the task's bundles can say, and have this score heard by that."""

    tenant: str
    task: str
    score: CloudScore


class Judge(NamedTuple):
    """What the label space was found to be, once somebody has looked again."""

    labels: frozenset[str] | None


Outcome = Send | Answered | Complaint | Doubt
