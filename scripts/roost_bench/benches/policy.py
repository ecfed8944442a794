"""What the rendezvous policy costs per request, and whether many open requests make it dearer."""

import statistics
import time
from typing import Final

from roost_shared.clock import MS
from roost_shared.rendezvous import Contestant, Rendezvous, Request, Rule, Score, TaskPolicy
from scripts.roost_bench.bench import Goal, Options, Result

GOALS = (
    Goal("us_per_request", at_most=25, unit="µs"),
    Goal("at_10000_ratio", at_most=1.25),
)
COMPARED_WITH = (
    "nothing: absolute CPU time (opening, three scores, and the next wake-up after each; the primary is below its bar "
    "and the backup answers); the ratio is 10,000 open requests to 10, in turn"
)

FEW: Final = 10
MANY: Final = 10_000
POLICY: Final = TaskPolicy(
    task="meter",
    contestants=(Contestant(name="primary"), Contestant(name="backup"), Contestant(name="reference", role="baseline")),
    rules=(
        Rule(accept="primary", min_confidence=0.8),
        Rule(accept="backup", after_ms=80, min_confidence=0.6),
        Rule(accept="primary", after_ms=250),
    ),
    deadline_ms=300,
)
SURE: Final = Score("primary", "7", 0.9)
UNSURE: Final = Score("primary", "7", 0.5)
BACKUP: Final = Score("backup", "7", 0.9)
REFERENCE: Final = Score("reference", "7", 0.9)


def run(options: Options) -> Result:
    """Measure few and many open requests, and the path of a confident primary, in turn."""
    requests, rounds = (500, 3) if options.quick else (2_000, 15)
    few, many = _with_open(FEW), _with_open(MANY)
    unsure, crowded, sure = [], [], []
    for number in range(rounds):
        unsure.append(_us_per_request(few, f"unsure-{number}", UNSURE, requests))
        crowded.append(_us_per_request(many, f"crowded-{number}", UNSURE, requests))
        sure.append(_us_per_request(few, f"sure-{number}", SURE, requests))
    return {
        "us_per_request": statistics.median(unsure),
        "us_per_request_least": min(unsure),
        "us_per_confident_request": statistics.median(sure),
        "at_10000_ratio": statistics.median(crowded) / statistics.median(unsure),
    }


def _with_open(requests: int) -> Rendezvous:
    rendezvous = Rendezvous(max_open=requests + 1)
    for number in range(requests):
        rendezvous.open(Request(f"open-{number}", 0), POLICY, 0)
    return rendezvous


def _us_per_request(rendezvous: Rendezvous, name: str, primary: Score, requests: int) -> float:
    """Microseconds of this process's CPU time for each of `requests` requests taken from opening to close."""
    arrivals = [Request(f"{name}-{number}", number * MS) for number in range(requests)]
    scores = (primary, BACKUP, REFERENCE)
    before_ns = time.process_time_ns()
    for request in arrivals:
        now_ns = request.received_ns
        rendezvous.open(request, POLICY, now_ns)
        _ = rendezvous.next_wake_ns
        for score in scores:
            now_ns += MS // 10
            rendezvous.score(request.id, score, now_ns)
            _ = rendezvous.next_wake_ns
    return (time.process_time_ns() - before_ns) / requests / 1_000
