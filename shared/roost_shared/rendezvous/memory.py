"""The answers that were given, for a while: a repeated id gets the answer it already got.

Bounded by count, by age (DESIGN.md, section 4) and by the numbers held, so that a few thousand embeddings do not eat
a small device's memory. Of the candidates only what an answer says of them is kept.
"""

from collections import OrderedDict
from typing import Final

import msgspec

from roost_shared.clock import SECOND
from roost_shared.rendezvous.events import Answer

__all__ = ["AnswerMemory"]

LIMIT: Final = 10_000  # answers
AGE_LIMIT_NS: Final = 600 * SECOND
NUMBERS_LIMIT: Final = 250_000  # in outputs and lists of best labels; about 10 MB


class AnswerMemory:
    """Answers by request id, oldest forgotten first."""

    def __init__(
        self, *, limit: int = LIMIT, age_limit_ns: int = AGE_LIMIT_NS, numbers_limit: int = NUMBERS_LIMIT
    ) -> None:
        self._limit = limit
        self._age_limit_ns = age_limit_ns
        self._numbers_limit = numbers_limit
        self._numbers = 0
        self._answers: OrderedDict[str, Answer] = OrderedDict()

    def __len__(self) -> int:
        """How many answers are held."""
        return len(self._answers)

    def remember(self, answer: Answer) -> None:
        """Keep an answer under its request's id; its age counts from the moment it was decided."""
        answer = _brief(answer)
        replaced = self._answers.pop(answer.request.id, None)
        self._numbers += _numbers(answer) - (0 if replaced is None else _numbers(replaced))
        self._answers[answer.request.id] = answer
        while self._answers and (len(self._answers) > self._limit or self._numbers > self._numbers_limit):
            self._forget_oldest()

    def recall(self, request_id: str, now_ns: int) -> Answer | None:
        """The answer this id got, if it is not forgotten; forgets what is too old."""
        while self._answers:
            oldest = next(iter(self._answers.values()))
            if now_ns - oldest.request.received_ns - oldest.elapsed_ns <= self._age_limit_ns:
                break
            self._forget_oldest()
        return self._answers.get(request_id)

    def _forget_oldest(self) -> None:
        _, oldest = self._answers.popitem(last=False)
        self._numbers -= _numbers(oldest)


def _brief(answer: Answer) -> Answer:
    """The same without what its candidates said beyond label and confidence."""
    if all(seen.score is None or not (seen.score.top or seen.score.output) for seen in answer.candidates):
        return answer
    candidates = tuple(
        seen
        if seen.score is None
        else msgspec.structs.replace(seen, score=msgspec.structs.replace(seen.score, top=(), output=None))
        for seen in answer.candidates
    )
    return msgspec.structs.replace(answer, candidates=candidates)


def _numbers(answer: Answer) -> int:
    """How many numbers it holds, roughly: what its memory grows with."""
    score = answer.score
    if score is None:
        return 1
    return 1 + len(score.top) + (len(score.output) if isinstance(score.output, list) else 0)
