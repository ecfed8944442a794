"""What a task's answers looked like since the agent started: for `roost-agent status` and, later, telemetry."""

from collections import Counter
from typing import Any

from roost_edge.agreement import AgreementTally
from roost_edge.inputs import Delivery
from roost_edge.workers.latency import LatencyHistogram
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

    def note_late(self, late: Late, *, by_default: bool) -> None:
        """Count a score that came after the answer; `by_default`: no contestant had given that."""
        self.late[late.score.contestant] += 1
        if late.differs:
            self.late_differing[late.score.contestant] += 1
        if not by_default:
            self.agreement.note_late(late)

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
            "agreement": self.agreement.to_dict(),
            "latency_ms": {"p50": self._quantile_ms(0.5), "p99": self._quantile_ms(0.99)},
        }

    def _quantile_ms(self, share: float) -> float | None:
        quantile_ns = self.latency.quantile_ns(share)
        return None if quantile_ns is None else ns_to_ms(quantile_ns)
