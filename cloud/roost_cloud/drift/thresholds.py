"""From an alarm budget to a threshold: by replay where enough weeks are recorded, else by leaving devices out. Pure.

Streams share the tenant's budget evenly, within the share of their kind. While a budget cannot be promised, the
highest of three thresholds holds, the third by drawing out the record's tail: a short record that happens to be quiet
says little, and a formula overran the budget.

>>> random = np.random.default_rng(1)
>>> measure = fit("event_rate", [random.normal(place, 0.1, (48, 1)) for place in range(20)])
>>> found = find_threshold(measure, Budget(a_week=0.7, streams=20, of_streams=20), Record(weeks=2 / 7, decisions=48))
>>> found.way, found.is_promised, 3 < found.value < 30
('leaving_out', False, True)
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from roost_cloud.drift.budget import starting_alpha
from roost_cloud.drift.calibration import LEAST_ALARMS, calibrate, drawn_out
from roost_cloud.drift.measures import Measure, fit

__all__ = ["Budget", "Record", "Threshold", "Way", "find_threshold", "fit"]

Way = Literal["replay", "leaving_out"]


class Budget(NamedTuple):
    """What a task's streams of a kind may cost.

    Attributes:
        a_week: false alarms of this kind, over all streams of the tenant.
        streams: of the task.
        of_streams: of the tenant, of this kind.
    """

    a_week: float
    streams: int
    of_streams: int

    @property
    def own(self) -> float:
        """False alarms a week of the task's streams."""
        return self.a_week * self.streams / max(self.of_streams, self.streams, 1)


class Record(NamedTuple):
    """The commissioning windows of a stream, on average.

    Attributes:
        weeks: that they span.
        decisions: how many they are.
    """

    weeks: float
    decisions: float


@dataclass(frozen=True)
class Threshold:
    """When a decision exceeds.

    Attributes:
        value: beyond which U; infinite if nothing can be said yet, and then nothing alarms.
        way: how it was found.
        is_promised: whether the record is long enough to say that the budget is kept.
        weeks_wanted: that a record takes for that.
    """

    value: float
    way: Way
    is_promised: bool
    weeks_wanted: float


def find_threshold(measure: Measure, budget: Budget, record: Record) -> Threshold:
    """The threshold of a task's streams of one kind.

    Args:
        measure: learnt from their commissioning windows.
        budget: that they share.
        record: how long that was.
    """
    weeks = max(record.weeks, 1e-9)
    replayed = calibrate(measure.left_out, weeks=weeks, budget_a_week=budget.own)
    wanted = LEAST_ALARMS / budget.own
    if replayed.is_promised:
        return Threshold(replayed.threshold, "replay", is_promised=True, weeks_wanted=wanted)
    alpha = starting_alpha(budget.own, budget.streams * record.decisions / weeks)
    left_out = measure.threshold(alpha)
    beyond = drawn_out(measure.left_out, weeks=weeks, budget_a_week=budget.own)
    value = max(left_out, replayed.threshold, beyond)
    if not math.isfinite(value) or not np.concatenate(measure.left_out).size:
        return Threshold(math.inf, "leaving_out", is_promised=False, weeks_wanted=wanted)
    way: Way = "leaving_out" if left_out >= replayed.threshold else "replay"
    return Threshold(value, way, is_promised=False, weeks_wanted=wanted)
