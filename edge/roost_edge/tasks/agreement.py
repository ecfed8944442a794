"""How often each contestant said what the answer said, whether it scored before the answer left or after."""

from collections import Counter

from roost_shared.rendezvous import Answer, Late, compare_with_answer

__all__ = ["AgreementTally"]


class AgreementTally:
    """Counts of one task, bounded by its contestants. A default is nobody's word: nothing is compared with it."""

    def __init__(self) -> None:
        self._compared: Counter[str] = Counter()
        self._agreeing: Counter[str] = Counter()

    def note_answer(self, answer: Answer, tolerance: float | None) -> None:
        """Compare what had been said when the answer left; `tolerance` is the task's."""
        for contestant, agrees in compare_with_answer(answer, tolerance):
            self._note(contestant, agrees=agrees)

    def note_late(self, late: Late) -> None:
        """Count a score that came after a contestant's answer."""
        self._note(late.score.contestant, agrees=not late.differs)

    def to_dict(self) -> dict[str, dict[str, int]]:
        """By contestant: how many scores were `compared` with an answer of another, how many were `agreeing`."""
        return {
            contestant: {"compared": compared, "agreeing": self._agreeing[contestant]}
            for contestant, compared in sorted(self._compared.items())
        }

    def _note(self, contestant: str, *, agrees: bool) -> None:
        self._compared[contestant] += 1
        self._agreeing[contestant] += agrees
