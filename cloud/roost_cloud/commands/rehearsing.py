"""`roost rollout rehearse`: one plan played many times, and what came of it."""

import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from rich.progress import Progress

from roost_cloud.commands.bars import bars_of
from roost_cloud.rollouts.made_up_fleet import Candidate, Fleet
from roost_cloud.rollouts.plan import BadPlanError, read_plan
from roost_cloud.rollouts.rehearsal import Rehearsed, rehearse

__all__ = ["Played", "play", "summary_rows"]

_NUMBER: Final = re.compile(r"\d+(\.\d+)?%?")  # by which reasons of the same kind differ
_P90: Final = 8  # of nine cuts, the last


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """All rehearsals of a plan.

    Attributes:
        times: how many.
        states: how they ended, with how many.
        reasons: why those stopped that were, with how many, the most frequent first.
        hours_median: that they took.
        hours_p90: that nine of ten did not exceed.
        exposed_mean: largest share of the fleet on which the candidate answered at once, on average.
        exposed_most: the same of the worst.
        labels_median: that people gave.
        requests_median: that the candidate scored.
        waited_hours_median: for the gate.
        runs: each by itself.
    """

    times: int
    states: dict[str, int]
    reasons: dict[str, int]
    hours_median: float
    hours_p90: float
    exposed_mean: float
    exposed_most: float
    labels_median: float
    requests_median: float
    waited_hours_median: float
    runs: list[Rehearsed]


def play(raw: Mapping[str, Any], *, times: int, seed: int, days: float) -> Played:
    """Play a plan.

    Args:
        raw: the plan as `read_plan` takes it, with tables `fleet` and `candidate` beside.
        times: how often.
        seed: of the first; the next have the next.
        days: after which one is broken off.

    Raises:
        BadPlanError: something is wrong with it.
    """
    tables = dict(raw)
    fleet = _table(tables.pop("fleet", {}), Fleet, "fleet")
    candidate = _table(tables.pop("candidate", {}), Candidate, "candidate")
    plan = read_plan(tables)
    with bars_of(*Progress.get_default_columns()) as bars:
        numbers = bars.track(range(times), description="rehearsing")
        return _played([rehearse(plan, fleet, candidate, seed=seed + number, days=days) for number in numbers])


def summary_rows(played: Played) -> list[tuple[str, str]]:
    """What came of it, for people."""
    states = ", ".join(f"{state} {count / played.times:.0%}" for state, count in played.states.items())
    found = [
        ("rehearsals", str(played.times)),
        ("ended", states),
        ("took", f"{played.hours_median:g} h, nine of ten at most {played.hours_p90:g} h"),
        ("exposed", f"{played.exposed_mean:.1%} of the fleet on average, {played.exposed_most:.1%} at worst"),
        ("labels", f"{played.labels_median:g}"),
        ("scored", f"{played.requests_median:g} requests"),
        ("waited", f"{played.waited_hours_median:g} h for the gate"),
    ]
    return found + [("stopped", f"{count} × {reason}") for reason, count in played.reasons.items()]


def _table(raw: Any, kind: type[Any], key: str) -> Any:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise BadPlanError(key, str(error)) from error


def _played(runs: Sequence[Rehearsed]) -> Played:
    hours = [one.hours for one in runs]
    reasons = Counter(_NUMBER.sub("…", one.reason) for one in runs if one.state == "stopped")
    return Played(
        times=len(runs),
        states=dict(Counter(one.state for one in runs).most_common()),
        reasons=dict(reasons.most_common()),
        hours_median=statistics.median(hours),
        hours_p90=statistics.quantiles(hours, n=10)[_P90] if len(hours) > 1 else hours[0],
        exposed_mean=statistics.fmean(one.exposed for one in runs),
        exposed_most=max(one.exposed for one in runs),
        labels_median=statistics.median(one.labels for one in runs),
        requests_median=statistics.median(one.requests for one in runs),
        waited_hours_median=statistics.median(one.waited_hours for one in runs),
        runs=list(runs),
    )
