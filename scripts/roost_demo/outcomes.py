"""What became of each picture, and what to say of many: pure."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roost_shared.messages import Answer
from scripts.roost_demo.pictures import Picture

__all__ = ["Outcome", "faults", "first_answer_s", "is_flawless", "percentile", "summarise"]


@dataclass(frozen=True)
class Outcome:
    """One picture sent by one device's sensor.

    Attributes:
        device: the device's name.
        act: number of the act it was sent in, from 1.
        picture: what was sent.
        answer: what came back, None if nothing did.
        round_trip_ms: from publishing the picture to reading the answer, at the sensor; None if there is no answer.
        ended_s: when it was answered or given up, seconds on the monotonic clock.
    """

    device: str
    act: int
    picture: Picture
    answer: Answer | None
    round_trip_ms: float | None
    ended_s: float

    @property
    def is_right(self) -> bool:
        """Whether the answer names the picture's label."""
        return self.answer is not None and self.answer.label == self.picture.label


def summarise(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Figures of some outcomes, as the report holds them.

    `latency_ms` is the agent's own count, from receiving the input to handing over the answer, which is what a
    deadline bounds; `round_trip_ms` is the sensor's, both ways through the broker.
    """
    answers = [outcome.answer for outcome in outcomes if outcome.answer is not None]
    return {
        "answers": len(answers),
        "by_deadline": sum(answer.deadline_met for answer in answers),
        "lost": len(outcomes) - len(answers),
        "accuracy": round(sum(outcome.is_right for outcome in outcomes) / len(answers), 4) if answers else None,
        "by_reason": _counted(answer.reason for answer in answers),
        "by_contestant": _counted(answer.contestant or "default" for answer in answers),
        "latency_ms": _spread([answer.elapsed_ms for answer in answers]),
        "round_trip_ms": _spread([o.round_trip_ms for o in outcomes if o.round_trip_ms is not None]),
    }


def is_flawless(summary: Mapping[str, Any]) -> bool:
    """Whether every picture was answered once, and by its deadline."""
    return bool(summary["answers"]) and not any(faults(summary).values())


def faults(summary: Mapping[str, Any]) -> dict[str, int]:
    """How many answers were lost, came late, or came though nothing had been asked."""
    return {
        "lost": summary["lost"],
        "late": summary["answers"] - summary["by_deadline"],
        "unexpected": summary.get("unexpected", 0),
    }


def first_answer_s(outcomes: Iterable[Outcome], contestant: str) -> dict[str, float]:
    """When `contestant` first answered, by device: seconds on the monotonic clock."""
    first: dict[str, float] = {}
    for outcome in outcomes:
        if outcome.answer is not None and outcome.answer.contestant == contestant:
            first.setdefault(outcome.device, outcome.ended_s)
    return first


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of `values` do not exceed (nearest rank).

    >>> percentile([3.0, 1.0, 2.0, 4.0], 0.5)
    2.0
    """
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {name: round(percentile(values, share), 2) for name, share in shares.items()}
