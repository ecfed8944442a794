"""The figures of what was summed. Pure.

>>> rates_of_task(TaskSums(count=4, timed=4, missed=1))
Rates(answers=4, deadline_rate=0.75, other_share=None)
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from roost_cloud.activity.additions import DeviceSums, TaskSums, others_of
from roost_shared.messages import Reason
from roost_shared.sketches import ConfidenceHistogram, Disagreements, LatencyHistogram, ReasonCounts

__all__ = [
    "Pair",
    "Quantiles",
    "Rates",
    "confidence",
    "pairs",
    "quantiles",
    "rates_of_devices",
    "rates_of_task",
    "reasons",
]


class Rates(NamedTuple):
    """What answers came to.

    Attributes:
        answers: how many.
        deadline_rate: the share of those that were handed over by their deadline; None if nobody told.
        other_share: of those that were neither preferred nor forced; None if no reason was told.
    """

    answers: int
    deadline_rate: float | None
    other_share: float | None


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


def rates_of_task(sums: TaskSums) -> Rates:
    """What a task's answers came to."""
    by_reason = reasons(sums)
    return _rates(sums.count, sums.timed, sums.missed, sum(by_reason.values()), others_of(by_reason))


def rates_of_devices(rows: Sequence[DeviceSums]) -> Rates:
    """What answers on devices came to, all together."""
    return _rates(
        sum(row.answers for row in rows),
        sum(row.timed for row in rows),
        sum(row.missed for row in rows),
        sum(row.reasoned for row in rows),
        sum(row.others for row in rows),
    )


def reasons(sums: TaskSums) -> dict[Reason, int]:
    """Answers by reason."""
    sketch = sums.sketches.get("reasons")
    return (sketch if isinstance(sketch, ReasonCounts) else ReasonCounts()).by_reason()


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


def _rates(answers: int, timed: int, missed: int, reasoned: int, others: int) -> Rates:
    return Rates(answers, (timed - missed) / timed if timed else None, others / reasoned if reasoned else None)
