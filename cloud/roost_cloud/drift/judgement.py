"""How things stand with all devices of a task and contestant, from their decisions alone. Pure.

Whoever has decisions has a judgement: nothing else is remembered between two of them, so that one under another budget
(`roost drift simulate`) is the same call. Rules:

- A device's φ is that of its last decision. Where kind or source changed before, earlier decisions count no more: with
  another camera, or a bundle that sees inputs otherwise, commissioning begins anew.
- Its first decisions, for so long and ten at least, are its commissioning. Devices that are still at it are told of,
  and never alarm; nor does any while all together are too few to learn from.
- The threshold is what replay of the commissioning weeks keeps the budget with. While the budget cannot be promised,
  it is not below that of the α to begin with.
- Of a device's alarms the first counts; what comes after it waits for somebody to resolve it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roost_cloud.drift.budget import SHARES, alarms, starting_alpha
from roost_cloud.drift.calibration import Calibration, calibrate
from roost_cloud.drift.decisions import Decision
from roost_cloud.drift.errors import BaselineShortError, ReferenceSmallError
from roost_cloud.drift.explanation import MovedStatistic, explain
from roost_cloud.drift.test import MIN_WINDOWS, DriftTest
from roost_shared.phi import KINDS

__all__ = ["DeviceJudgement", "Judgement", "judge"]

DeviceState = Literal["commissioning", "waiting", "watched", "alarm"]
Key = tuple[int, int, int]
Floats = NDArray[np.float64]

_WEEK_S: Final = 7 * 86_400.0


@dataclass(frozen=True)
class DeviceJudgement:
    """How it stands with a device.

    Attributes:
        state: `waiting`: commissioned, but the devices together are too few.
        commissioned: decisions that are its baseline.
        watched: decisions since.
        distance: U of the last of them.
        alarm_at_s: when the decision came that made the alarm.
        moved: what did in that decision.
        windows: that it was made of.
    """

    state: DeviceState
    commissioned: int
    watched: int = 0
    distance: float | None = None
    alarm_at_s: float | None = None
    moved: tuple[MovedStatistic, ...] = ()
    windows: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Judgement:
    """How it stands with all.

    Attributes:
        devices: by name.
        calibrations: by kind, source and size of φ: one for each that devices have.
        why: what stands in the way, by the same; a sentence for people.
    """

    devices: Mapping[str, DeviceJudgement]
    calibrations: Mapping[Key, Calibration]
    why: Mapping[Key, str]


def judge(devices: Mapping[str, Sequence[Decision]], *, commissioning_s: float, budget_a_week: float) -> Judgement:
    """Judge every device against itself.

    Args:
        devices: by name, decisions in order of time.
        commissioning_s: how long a device's commissioning lasts.
        budget_a_week: false alarms a week over all streams; input drift has its share of it.
    """
    judged: dict[str, DeviceJudgement] = {}
    calibrations: dict[Key, Calibration] = {}
    why: dict[Key, str] = {}
    for key, group in _by_phi(devices).items():
        ready: dict[str, _Parted] = {}
        for name, decisions in group.items():
            parted = _part(decisions, commissioning_s)
            if parted.is_commissioned:
                ready[name] = parted
            else:
                judged[name] = DeviceJudgement("commissioning", len(parted.first))
        try:
            test = DriftTest.fit([_means(parted.first) for parted in ready.values()])
        except (BaselineShortError, ReferenceSmallError) as error:
            why[key] = str(error) if ready else "no device has been commissioned yet"
            judged |= {
                name: DeviceJudgement("waiting", len(parted.first), len(parted.rest)) for name, parted in ready.items()
            }
            continue
        calibrations[key] = _calibrate(test, ready, budget_a_week * SHARES["input"])
        for name, parted in ready.items():
            judged[name] = _judge_one(test, parted, calibrations[key].threshold)
    return Judgement(judged, calibrations, why)


class _Parted(NamedTuple):
    """A device's decisions: those of its commissioning, and those since."""

    first: Sequence[Decision]
    rest: Sequence[Decision]
    is_commissioned: bool


def _by_phi(devices: Mapping[str, Sequence[Decision]]) -> dict[Key, dict[str, list[Decision]]]:
    """The decisions of each device that are of its last φ, by what that is."""
    groups: dict[Key, dict[str, list[Decision]]] = {}
    for name, decisions in devices.items():
        if decisions:
            key = _key(decisions[-1])
            since = max((place + 1 for place, one in enumerate(decisions) if _key(one) != key), default=0)
            groups.setdefault(key, {})[name] = list(decisions[since:])
    return groups


def _key(decision: Decision) -> Key:
    return decision.phi.kind, decision.phi.source, decision.phi.size


def _part(decisions: Sequence[Decision], commissioning_s: float) -> _Parted:
    """Commissioning is over with the first decision that comes after it, and takes ten."""
    until_s = decisions[0].at_s + commissioning_s
    baseline = max(sum(one.at_s < until_s for one in decisions), MIN_WINDOWS)
    is_over = len(decisions) >= MIN_WINDOWS and decisions[-1].at_s >= until_s
    return _Parted(decisions[:baseline], decisions[baseline:], is_over)


def _means(decisions: Sequence[Decision]) -> Floats:
    return np.array([one.phi.means for one in decisions])


def _calibrate(test: DriftTest, ready: Mapping[str, _Parted], budget_a_week: float) -> Calibration:
    """By replay of the commissioning weeks; by the formula too as long as they are too few for a promise."""
    firsts = [parted.first for parted in ready.values()]
    weeks = max(first[-1].at_s - first[0].at_s for first in firsts) / _WEEK_S
    calibration = calibrate(test.left_out, weeks=max(weeks, 1e-6), budget_a_week=budget_a_week)
    if calibration.is_promised:
        return calibration
    decisions_a_week = sum(len(first) for first in firsts) / max(weeks, 1e-6)
    by_formula = test.threshold(starting_alpha(budget_a_week, decisions_a_week))
    return replace(calibration, threshold=max(calibration.threshold, by_formula))


def _judge_one(test: DriftTest, parted: _Parted, threshold: float) -> DeviceJudgement:
    baseline = test.baseline(_means(parted.first))
    if not parted.rest:
        return DeviceJudgement("watched", len(parted.first))
    distances = test.distance(baseline, _means(parted.rest))
    came = alarms((distances > threshold).tolist())
    judged = DeviceJudgement("watched", len(parted.first), len(parted.rest), float(distances[-1]))
    if not came:
        return judged
    decision = parted.rest[came[0]]
    deviations = test.deviations(baseline, np.array(decision.phi.means))
    kind = KINDS.get(decision.phi.kind)
    moved = () if kind is None or len(kind.statistics) != decision.phi.size else tuple(explain(kind, deviations))
    return replace(judged, state="alarm", alarm_at_s=decision.at_s, moved=moved, windows=decision.windows)
