"""The answers that were given, for a while: a repeated id gets the answer it already got.

Bounded by count and by age, whichever comes first (DESIGN.md, section 4).
"""

from collections import OrderedDict
from typing import Final

from roost_shared.clock import SECOND
from roost_shared.rendezvous.events import Answer

__all__ = ["AnswerMemory"]

LIMIT: Final = 10_000  # answers
AGE_LIMIT_NS: Final = 600 * SECOND


class AnswerMemory:
    """Answers by request id, oldest forgotten first."""

    def __init__(self, *, limit: int = LIMIT, age_limit_ns: int = AGE_LIMIT_NS) -> None:
        self._limit = limit
        self._age_limit_ns = age_limit_ns
        self._answers: OrderedDict[str, Answer] = OrderedDict()

    def __len__(self) -> int:
        """How many answers are held."""
        return len(self._answers)

    def remember(self, answer: Answer) -> None:
        """Keep an answer under its request's id; its age counts from the moment it was decided."""
        self._answers[answer.request.id] = answer
        if len(self._answers) > self._limit:
            self._answers.popitem(last=False)

    def recall(self, request_id: str, now_ns: int) -> Answer | None:
        """The answer this id got, if it is not forgotten; forgets what is too old."""
        while self._answers:
            oldest = next(iter(self._answers.values()))
            if now_ns - oldest.request.received_ns - oldest.elapsed_ns <= self._age_limit_ns:
                break
            self._answers.popitem(last=False)
        return self._answers.get(request_id)
