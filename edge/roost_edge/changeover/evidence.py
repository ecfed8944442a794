"""What is seen of a contestant on trial, beside the one whose place it shall take. Pure; bounded in size.

Its scores are paired with what the other said of the same requests, whoever spoke first. What was said of requests
that nobody else scored shows whether it works, and nothing of whether it agrees.
"""

from collections import Counter, OrderedDict
from typing import Any, Final

import msgspec

from roost_edge.workers.latency import LatencyHistogram
from roost_shared.clock import ns_to_ms
from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous import Score, agree

__all__ = ["ANSWER", "Evidence", "Subject", "Watch"]

ANSWER: Final = ""  # in place of a contestant's name: whatever was answered
_PAIRS: Final = 256  # requests whose scores wait for their counterpart
# What becomes of a score without its contestant being to blame, or is counted elsewhere.
_NOT_ITS_FAULT: Final = ("input.", "shed", "worker.", "device.")
_TOO_LATE: Final = ("worker.overloaded", "worker.too_late")


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Who is on trial.

    Attributes:
        name: as the task that runs calls it.
        contestant: as the assignment calls it.
        bundle: its `name:version@sha256:…`.
        beside: who is its counterpart, as the task that runs calls it; `ANSWER`: whoever answers; None: nobody.
        answers: its scores may become answers; of others only faults count.
        limit_ns: that a score may take.
        golden_hash: what its golden vectors gave here, to the last bit; None: its worker did not say.
        hardware: what that depends on.
        predicted: share of inputs of which it shall say something else; None: nobody said, or not of this counterpart.
    """

    name: str
    contestant: str
    bundle: str
    beside: str | None
    answers: bool
    limit_ns: int
    golden_hash: str | None = None
    hardware: str | None = None
    predicted: float | None = None


class Evidence:
    """What was seen of one subject."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.scored = 0
        self.timed = 0  # of those scored, that did not wait at the broker
        self.slow = 0  # took longer than the limit, or were given up for it
        self.counterpart_timed = 0
        self.counterpart_slow = 0
        self.faults: Counter[str] = Counter()  # by code: its own
        self.crashes = 0
        self.compared = 0
        self.differing = 0
        self.took = LatencyHistogram()

    @property
    def spoken(self) -> int:
        """Requests that it has scored or failed by itself."""
        return self.scored + sum(self.faults.values())

    def figures(self, requests: int) -> dict[str, Any]:
        """As `reported` has it; `requests`: that were answered meanwhile."""
        p95_ns = self.took.quantile_ns(0.95)
        figures: dict[str, Any] = {
            "golden": True,  # it would not have come so far
            "scored": self.scored,
            "coverage": None if not requests else round(min(1.0, self.spoken / requests), 4),
            "slow": self.slow,
            "p95_ms": None if p95_ns is None else round(ns_to_ms(p95_ns), 3),
            "crashes": self.crashes,
            "compared": self.compared,
            "disagreement": None if not self.compared else round(self.differing / self.compared, 4),
        }
        if self.subject.golden_hash is not None:
            figures |= {"golden_hash": self.subject.golden_hash, "hardware": self.subject.hardware}
        if self.subject.predicted is not None:
            figures["predicted"] = self.subject.predicted
        if self.faults:
            figures["faults"] = dict(self.faults)
        return figures


class Watch:
    """Watches the subjects of one task; an `Observer` of it.

    Args:
        subjects: who is on trial.
        tolerance: within which numeric outputs agree, as the task's policy has it.
    """

    def __init__(self, subjects: list[Subject], tolerance: float | None) -> None:
        self.evidence = {one.name: Evidence(one) for one in subjects}
        self.requests = 0  # that were answered
        self._tolerance = tolerance
        self._beside: dict[str, list[Evidence]] = {}
        for one in self.evidence.values():
            if one.subject.beside is not None:
                self._beside.setdefault(one.subject.beside, []).append(one)
        self._waiting: OrderedDict[str, dict[str, Score]] = OrderedDict()  # by request and contestant

    def scored(self, key: str, score: Score, took_ns: int | None) -> None:
        """A contestant has scored a request."""
        own = self.evidence.get(score.contestant)
        if own is not None:
            _count(own, score, took_ns)
        for other in self._beside.get(score.contestant, ()):
            if took_ns is not None:
                other.counterpart_timed += 1
                other.counterpart_slow += took_ns > other.subject.limit_ns
        if own is not None or score.contestant in self._beside:
            self._pair(key, score.contestant, score)

    def failed(self, contestant: str, error: ErrorInfo) -> None:
        """A contestant will not score a request."""
        for other in self._beside.get(contestant, ()):
            other.counterpart_timed += error.code in _TOO_LATE
            other.counterpart_slow += error.code in _TOO_LATE
        own = self.evidence.get(contestant)
        if own is None:
            return
        if error.code in _TOO_LATE:
            own.timed += 1
            own.slow += 1
        elif error.code == "worker.fault" or not error.code.startswith(_NOT_ITS_FAULT):
            own.faults[error.code] += 1

    def answered(self, key: str, score: Score | None) -> None:
        """A request was answered."""
        self.requests += 1
        if score is not None and ANSWER in self._beside:
            self._pair(key, ANSWER, score)

    def _pair(self, key: str, said_by: str, score: Score) -> None:
        said = self._waiting.setdefault(key, {})
        said[said_by] = score
        for one in [*self._beside.get(said_by, ()), *self._own(said_by)]:
            subject = one.subject
            ours, other = said.get(subject.name), said.get(subject.beside or ANSWER)
            if ours is not None and other is not None:
                one.compared += 1
                one.differing += not agree(ours, other, self._tolerance)
        if len(self._waiting) > _PAIRS:
            self._waiting.popitem(last=False)

    def _own(self, name: str) -> list[Evidence]:
        own = self.evidence.get(name)
        return [] if own is None or own.subject.beside is None or own.subject.beside == name else [own]


def _count(own: Evidence, score: Score, took_ns: int | None) -> None:
    confidence = score.confidence
    if confidence is not None and not 0 <= confidence <= 1:
        own.faults["score.bad_confidence"] += 1
        return
    own.scored += 1
    if took_ns is not None:
        own.timed += 1
        own.slow += took_ns > own.subject.limit_ns
        own.took.add(took_ns)
