"""The label mix: whether contestants say other labels than they did, and which. Pure.

It moves when the world does, when a model does, and when what is looked at does; alone it tells no cause, and says
nothing of whether labels are right.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roost_cloud.drift.counts import CountsBaseline
from roost_shared.sketches import LabelCounts, LabelSpace, UnlikeSketchesError

__all__ = ["Moved", "moved_labels", "stack_labels"]


class Moved(NamedTuple):
    """A label, or those that share its count, whose share has changed.

    Attributes:
        labels: which; empty for what is outside the label space.
        before: its share when commissioned.
        now: its share in the window.
    """

    labels: list[str]
    before: float
    now: float


def stack_labels(windows: Sequence[LabelCounts]) -> NDArray[np.int64]:
    """The counts of windows, (windows, slots), for `CountsTest`.

    Raises:
        UnlikeSketchesError: they are of more than one label space: a new baseline begins with the second.
    """
    if len({window.space for window in windows}) > 1:
        raise UnlikeSketchesError("windows of several label spaces cannot be compared: begin a new baseline")
    return np.array([window.counts for window in windows], np.int64).reshape(-1, LabelCounts.SLOTS)


def moved_labels(
    baseline: CountsBaseline, window: NDArray[Any], space: LabelSpace, *, at_most: int = 5
) -> list[Moved]:
    """The labels whose share changed most, the largest change first."""
    before = baseline.counts / max(int(baseline.counts.sum()), 1)
    now = window / max(int(window.sum()), 1)
    slots = np.argsort(-np.abs(now - before), kind="stable")[:at_most].tolist()
    return [
        Moved(space.labels_in(slot), float(before[slot]), float(now[slot]))
        for slot in slots
        if before[slot] != now[slot]
    ]
