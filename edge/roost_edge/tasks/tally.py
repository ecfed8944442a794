"""What a task's answers looked like since the agent started: for `roost-agent status`."""

from collections import Counter
from typing import Any

from roost_edge.intake.inputs import Delivery
from roost_edge.tasks.agreement import AgreementTally
from roost_edge.tasks.late_scores import LateScore, LateScores
from roost_edge.workers.latency import LatencyHistogram
from roost_shared import rendezvous
from roost_shared.clock import ms_to_ns, ns_to_ms
from roost_shared.messages import Answer
from roost_shared.rendezvous import Late

__all__ = ["Tally"]


class Tally:
    """Counts of one task's answers, bounded in size."""

    def __init__(self) -> None:
        self.answers = 0
        self.by_deadline = 0
        self.unsent = 0  # the way back was gone
        self.repeated = 0  # ids that came again
        self.by_reason: Counter[str] = Counter()
        self.by_contestant: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()  # "contestant: code"
        self.late: Counter[str] = Counter()  # contestants that scored after the answer
        self.late_differing: Counter[str] = Counter()
        self.late_scores = LateScores()
        self.agreement = AgreementTally()
        self.latency = LatencyHistogram()

    def note_answer(self, answer: Answer, delivery: Delivery) -> None:
        """Count an answer."""
        self.answers += 1
        self.by_deadline += delivery is Delivery.HANDED and answer.deadline_met
        self.unsent += delivery in (Delivery.AWAY, Delivery.REFUSED)
        self.by_reason[answer.reason] += 1
        if answer.contestant is not None:
            self.by_contestant[answer.contestant] += 1
        self.latency.add(ms_to_ns(answer.elapsed_ms))

    def note_late(self, late: Late, request_id: str, answer: rendezvous.Answer | None) -> None:
        """Count and record a score that came after the answer.

        Args:
            late: the score.
            request_id: as the answer gave it.
            answer: what had been decided.
        """
        score, chosen = late.score, None if answer is None else answer.score
        self.late[score.contestant] += 1
        if late.differs:
            self.late_differing[score.contestant] += 1
        if chosen is not None:
            self.agreement.note_late(late)
        self.late_scores.note(
            LateScore(
                request_id=request_id,
                contestant=score.contestant,
                label=score.label,
                confidence=score.confidence,
                answer_label=None if chosen is None else chosen.label,
                differs=late.differs,
            )
        )

    def to_dict(self) -> dict[str, Any]:
        """The counts under the names `roost-agent status --json` gives them."""
        return {
            "answers": self.answers,
            "by_deadline": self.by_deadline,
            "unsent": self.unsent,
            "repeated": self.repeated,
            "by_reason": dict(self.by_reason),
            "by_contestant": dict(self.by_contestant),
            "failures": dict(self.failures),
            "late": dict(self.late),
            "late_differing": dict(self.late_differing),
            "late_scores": self.late_scores.to_list(),
            "agreement": self.agreement.to_dict(),
            "latency_ms": {"p50": self._quantile_ms(0.5), "p99": self._quantile_ms(0.99)},
        }

    def _quantile_ms(self, share: float) -> float | None:
        quantile_ns = self.latency.quantile_ns(share)
        return None if quantile_ns is None else ns_to_ms(quantile_ns)
