"""A task that devices have answered for a while: its policy, answers by the real rendezvous, and their windows."""

from collections.abc import Sequence
from typing import Final

from roost_shared.clock import ms_to_ns
from roost_shared.messages import Reason
from roost_shared.records import HealthRecord, PolicyRecord, Record, SampleRecord, WindowRecord
from roost_shared.rendezvous import Contestant, Link, PolicyDocument, Rule, Score, TaskPolicy
from roost_shared.sketches import ConfidenceHistogram, Disagreements, LatencyHistogram, ReasonCounts
from tests.support.recorded import World, live

__all__ = ["HEALTH", "METER", "answers_window", "meter_windows", "recorded_requests", "scores_window", "told_policy"]

METER: Final = TaskPolicy(
    task="meter",
    contestants=[
        Contestant(name="primary"),
        Contestant(name="backup"),
        Contestant(name="cloud", where="cloud"),
        Contestant(name="old", role="baseline"),
        Contestant(name="next", role="shadow"),
    ],
    rules=[
        Rule(accept="primary", min_confidence=0.8),
        Rule(accept="cloud"),
        Rule(accept="backup", after_ms=80, min_confidence=0.6),
        Rule(accept="primary", after_ms=250),
    ],
    deadline_ms=300,
    default="unknown",
)
HEALTH: Final = HealthRecord(
    temperature_c=51.5,
    spool_bytes=300_000_000,
    spool_limit_bytes=1 << 30,
    waiting=42,
    link="good",
    round_trip_ms=64.0,
)


def told_policy() -> PolicyRecord:
    document = PolicyDocument.of(METER)
    return PolicyRecord(task="meter", digest=document.digest, document=document.encode())


def recorded_requests(count: int) -> list[SampleRecord]:
    """Requests: of every third the primary is unsure, and of every other of these the cloud says something else."""
    found = []
    for number in range(1, count + 1):
        sure = 0.95 if number % 3 else 0.7
        other = "1" if number % 2 else "7"
        world = World(
            {
                "primary": ((12, Score("primary", "7", sure)),),
                "backup": ((20, Score("backup", "7", 0.9)),),
                "cloud": ((45, Score("cloud", other, 0.97)),),
                "old": ((30, Score("old", "7", 0.6)),),
            },
            link=Link(up=True, round_trip_ns=ms_to_ns(90)),
        )
        found.append(live(METER, world, number=number).record)
    return found


def answers_window(
    reasons: Sequence[Reason], *, missed: int | None = 0, latency_ms: float = 20, task: str = "meter"
) -> WindowRecord:
    by_reason, latency = ReasonCounts(), LatencyHistogram()
    for reason in reasons:
        by_reason.update(reason)
        latency.update(latency_ms)
    sketches = {"reasons": by_reason.to_bytes(), "latency": latency.to_bytes()}
    return _window(task, None, len(reasons), sketches, missed=missed)


def scores_window(
    contestant: str,
    count: int,
    *,
    differs: dict[str, int],
    gave: Sequence[Reason] = (),
    latency_ms: float = 12,
    task: str = "meter",
) -> WindowRecord:
    """Scores of a contestant, `differs` of them other than another's, by that one's name."""
    by_reason, latency, confidence, disagreements = (
        ReasonCounts(),
        LatencyHistogram(),
        ConfidenceHistogram(),
        Disagreements(),
    )
    for reason in gave:
        by_reason.update(reason)
    for _ in range(count):
        latency.update(latency_ms)
        confidence.update(0.9)
    for other, often in differs.items():
        for place in range(count):
            disagreements.update(other, differs=place < often)
    sketches = {
        "reasons": by_reason.to_bytes(),
        "latency": latency.to_bytes(),
        "confidence": confidence.to_bytes(),
        "disagreements": disagreements.to_bytes(),
    }
    return _window(task, contestant, count, sketches)


def meter_windows() -> list[Record]:
    """A minute of the task: 40 answers, one late, with what contestants said."""
    reasons: tuple[Reason, ...] = (*("preferred",) * 30, *("fallback",) * 8, "deadline", "default")
    return [
        answers_window(reasons, missed=1),
        scores_window("primary", 40, differs={"backup": 4, "old": 10}, gave=["preferred"] * 30),
        scores_window("backup", 40, differs={"primary": 4, "old": 8}, gave=["fallback"] * 8),
        scores_window("cloud", 6, differs={"primary": 1, "backup": 0}, gave=["deadline"], latency_ms=85),
        scores_window("old", 40, differs={"primary": 10, "backup": 8}, latency_ms=30),
    ]


def _window(
    task: str, contestant: str | None, count: int, sketches: dict[str, bytes], *, missed: int | None = None
) -> WindowRecord:
    return WindowRecord(
        task=task,
        contestant=contestant,
        started_at="2026-11-24T11:59:00.000+00:00",
        seconds=60.0,
        count=count,
        sketches=sketches,
        missed=missed,
    )
