"""How long a director looks at a rollout, and what wrong candidates do before the policy stops them."""

import math
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Final, NamedTuple

from roost_cloud.rollouts.made_up_fleet import Candidate, Fleet
from roost_cloud.rollouts.plan import Plan, read_plan
from roost_cloud.rollouts.rehearsal import Rehearsed, rehearse
from scripts.roost_bench.bench import Goal, Options, Result
from scripts.roost_bench.rollout_fleet import begun_rollout

GOALS = (
    Goal("tick_s_10k", at_most=1.0, unit="s"),
    Goal("growth_to_100k", at_most=1.3),
    Goal("good_tripped", at_most=0.01),
)
COMPARED_WITH = (
    "the same look over a tenth of the devices, in the same run; candidates that are as good as they predict, played"
    " by the same policy"
)

_SPREAD: Final = 0.15  # of latencies, standard deviation of the logarithm
_HEADROOM: Final = 1.1  # the time there is, over the incumbent's p95
_STAGES: Final = [
    {"name": "shadow", "mode": "shadow", "share": 0.05},
    {"name": "first", "share": 0.05, "failure": 0.005, "success": 0.9},
    {"name": "all", "share": 1.0, "failure": 0.005, "success": 0.9},
]


def run(options: Options) -> Result:
    """Time looks over fleets in a database, and play rehearsals."""
    small, large, times = (1_000, 5_000, 4) if options.quick else (10_000, 100_000, 200)
    with tempfile.TemporaryDirectory() as name:
        ticks = {size: _tick_s(Path(name) / str(size), size) for size in (small, large)}
    plan = read_plan(
        {"task": "meter", "contestant": "primary", "bundle": "meter:8", "rate_per_hour": 200, "stages": _STAGES}
    )
    fleet = Fleet(devices=100 if options.quick else 400)
    good = _play(plan, fleet, Candidate(win_share=0.75), times)
    return {
        "tick_s_10k": ticks[small] * 10_000 / small,
        "growth_to_100k": ticks[large] / ticks[small] / (large / small),
        "devices": [small, large],
        "good_tripped": good.stopped,
        "good": good._asdict(),
        "exposed_when_stopped": {
            name: _play(plan, fleet, candidate, max(2, times // 5))._asdict() for name, candidate in _wrong().items()
        },
    }


def _wrong() -> dict[str, Candidate]:
    """Candidates that must not get through."""
    slow = 1 - NormalDist().cdf(NormalDist().inv_cdf(0.95) + (math.log(_HEADROOM) - math.log(1.2)) / _SPREAD)
    return {
        "2_percent_worse": Candidate(disagreement=0.06, predicted=0.06, win_share=1 / 3),
        "20_percent_slower": Candidate(slow_share=round(slow, 4), win_share=0.75),
        "crash_on_1_percent": Candidate(crash_devices=0.01, win_share=0.75),
    }


class _Played(NamedTuple):
    """Many rehearsals.

    Attributes:
        times: how many.
        stopped: share of them that the policy stopped.
        finished: share that reached the fleet.
        exposed_median: largest share of the fleet on which the candidate answered at once.
        exposed_most: the same of the worst.
        labels_median: that people gave.
        requests_median: that the candidate scored.
        hours_median: that it took.
        waited_hours_median: for the gate.
    """

    times: int
    stopped: float
    finished: float
    exposed_median: float
    exposed_most: float
    labels_median: float
    requests_median: float
    hours_median: float
    waited_hours_median: float


def _play(plan: Plan, fleet: Fleet, candidate: Candidate, times: int) -> _Played:
    runs = [rehearse(plan, fleet, candidate, seed=seed, step_s=120) for seed in range(times)]

    def median(of: str) -> float:
        return round(float(statistics.median(getattr(one, of) for one in runs)), 4)

    return _Played(
        times,
        _share(runs, "stopped"),
        _share(runs, "finished"),
        median("exposed"),
        max(one.exposed for one in runs),
        median("labels"),
        median("requests"),
        median("hours"),
        median("waited_hours"),
    )


def _share(runs: Sequence[Rehearsed], state: str) -> float:
    return sum(one.state == state for one in runs) / len(runs)


def _tick_s(folder: Path, devices: int) -> float:
    """One look over so many devices of which nothing has changed, and one hundred are on their way; in seconds."""
    with begun_rollout(folder, devices) as look:
        look()
        took = []
        for _ in range(5):
            begun = time.perf_counter()
            look()
            took.append(time.perf_counter() - begun)
    return statistics.median(took)
