"""The figures of merged sketches. Pure.

>>> sums = TaskSums(count=4, timed=4, missed=1)
>>> deadline_rate(sums.timed, sums.missed), deadline_rate(0, 0) is None
(0.75, True)
"""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Final, NamedTuple

from roost_cloud.activity.additions import TaskSums
from roost_shared.messages import Reason
from roost_shared.sketches import ConfidenceHistogram, Disagreements, LatencyHistogram, ReasonCounts

__all__ = [
    "Pair",
    "Quantiles",
    "confidence",
    "deadline_rate",
    "other_share",
    "others_of",
    "pairs",
    "quantiles",
    "reasons",
]

_PREFERRED: Final = ("preferred", "forced")


class Quantiles(NamedTuple):
    """Latencies in ms, each the middle of a bin of half an octave; None of nothing."""

    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class Pair(NamedTuple):
    """Two contestants that have said something of the same inputs."""

    one: str
    other: str
    compared: int
    differed: int


def deadline_rate(timed: int, missed: int) -> float | None:
    """The share of answers that were handed over by their deadline; None if nobody told."""
    return (timed - missed) / timed if timed else None


def other_share(reasoned: int, others: int) -> float | None:
    """The share of answers that were neither preferred nor forced; None if no reason was told."""
    return others / reasoned if reasoned else None


def reasons(sums: TaskSums) -> dict[Reason, int]:
    """Answers by reason."""
    sketch = sums.sketches.get("reasons")
    return (sketch if isinstance(sketch, ReasonCounts) else ReasonCounts()).by_reason()


def others_of(by_reason: Mapping[Reason, int]) -> int:
    """Those of answers that were neither preferred nor forced."""
    return sum(count for reason, count in by_reason.items() if reason not in _PREFERRED)


def quantiles(sums: TaskSums) -> Quantiles:
    """How long answers, or scores, took."""
    sketch = sums.sketches.get("latency")
    if not isinstance(sketch, LatencyHistogram):
        return Quantiles(None, None, None)
    return Quantiles(*(sketch.quantile(share) for share in (0.5, 0.95, 0.99)))


def confidence(sums: TaskSums) -> float | None:
    """The median."""
    sketch = sums.sketches.get("confidence")
    return sketch.quantile(0.5) if isinstance(sketch, ConfidenceHistogram) else None


def pairs(by_contestant: Mapping[str, TaskSums]) -> Iterator[Pair]:
    """All that were compared, each once; every pair is counted by both, and the larger count is taken."""
    for one, other in combinations(sorted(name for name in by_contestant if name), 2):
        counts = [
            sketch.of(name)
            for name, sketch in (
                (other, by_contestant[one].sketches.get("disagreements")),
                (one, by_contestant[other].sketches.get("disagreements")),
            )
            if isinstance(sketch, Disagreements)
        ]
        best = max(counts, default=None)
        if best is not None and best.compared:
            yield Pair(one, other, best.compared, best.differed)
