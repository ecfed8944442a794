"""Weeks of many streams: whether the budget is kept on others than were calibrated with, how soon a change is seen."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.signal import lfilter

from roost_cloud.drift.budget import alarms
from roost_cloud.drift.calibration import calibrate, replayed_alarms
from roost_cloud.drift.test import DriftTest
from scripts.roost_bench.drift_pictures import Floats

__all__ = ["delays", "weeks"]

BUDGETS: Final = (0.5, 2.0, 10.0)  # false alarms a week, over all streams
SHIFTS: Final = (2, 3, 4, 6)  # deviations
_STREAMS: Final = 30
_HOURS: Final = 168  # decisions a week
_RECORDED: Final = 8  # weeks that are commissioning and calibration
_WATCHED: Final = 20  # weeks
_STATISTICS: Final = 8


class _Kind(NamedTuple):
    """What is unlike a textbook in a stream."""

    tails: float = 0.0  # degrees of freedom of Student's t; 0: normal
    scale: float = 0.0  # deviation of the logarithm of how much a device scatters
    memory: float = 0.0  # of an hour for the hour before


KINDS: Final[Mapping[str, _Kind]] = {
    "ideal": _Kind(),
    "tails": _Kind(tails=5),
    "scale": _Kind(scale=0.2),
    "memory": _Kind(memory=0.5),
    "all": _Kind(tails=5, scale=0.2, memory=0.5),
}


def weeks(random: np.random.Generator, *, fleets: int) -> list[dict[str, Any]]:
    """False alarms a week by budget and kind of stream."""
    found = []
    for name, kind in KINDS.items():
        counts = {budget: [0, 0, 0] for budget in BUDGETS}  # fleets, promised, alarms
        for _ in range(fleets):
            test, streams = _fleet(kind, random)
            unseen = [_stream(kind, _RECORDED + _WATCHED, random) for _ in range(_STREAMS)]
            watched = _watch(test, unseen)
            for budget in BUDGETS:
                calibration = calibrate(streams, weeks=_RECORDED, budget_a_week=budget)
                count = counts[budget]
                count[0] += 1
                count[1] += calibration.is_promised
                count[2] += replayed_alarms(watched, calibration.threshold)
        found += [
            {
                "streams": name,
                "budget": budget,
                "false_alarms_per_week": count[2] / (count[0] * _WATCHED),
                "weeks": count[0] * _WATCHED,
                "promised": count[1] == count[0],
            }
            for budget, count in counts.items()
        ]
    return found


def delays(random: np.random.Generator, *, streams: int) -> dict[str, float | None]:
    """Median decisions from a change until its alarm, by its size in deviations, at a budget of 2; None: not seen."""
    kind = KINDS["ideal"]
    test, recorded = _fleet(kind, random)
    threshold = calibrate(recorded, weeks=_RECORDED, budget_a_week=2).threshold
    found: dict[str, float | None] = {}
    for shift in SHIFTS:
        took = []
        for _ in range(streams):
            stream = _stream(kind, _RECORDED + 2, random)
            direction = random.normal(size=_STATISTICS)
            stream[_RECORDED * _HOURS :] += shift * direction / np.linalg.norm(direction)
            came = alarms((_watch(test, [stream])[0] > threshold).tolist())
            took.append(came[0] + 1 if came else np.inf)
        median = float(np.median(took))
        found[str(shift)] = median if np.isfinite(median) else None
    return found


def _fleet(kind: _Kind, random: np.random.Generator) -> tuple[DriftTest, Sequence[Floats]]:
    test = DriftTest.fit([_stream(kind, _RECORDED, random) for _ in range(_STREAMS)])
    return test, test.left_out


def _watch(test: DriftTest, streams: Sequence[Floats]) -> list[Floats]:
    """U of what comes after each stream's commissioning weeks."""
    begins = _RECORDED * _HOURS
    return [test.distance(test.baseline(stream[:begins]), stream[begins:]) for stream in streams]


def _stream(kind: _Kind, length: int, random: np.random.Generator) -> Floats:
    """Hourly mean φ of a device over so many weeks, (hours, statistics); one deviation is 1."""
    hours = length * _HOURS
    fresh = random.normal(size=(hours, _STATISTICS))
    if kind.tails:
        fresh *= np.sqrt((kind.tails - 2) / random.chisquare(kind.tails, (hours, 1)))
    if kind.memory:
        fresh = lfilter([(1 - kind.memory**2) ** 0.5], [1, -kind.memory], fresh, axis=0)
    stream: Floats = fresh * np.exp(random.normal(0, kind.scale)) + random.normal(0, 5, _STATISTICS)
    return stream
