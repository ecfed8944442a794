"""The label mix: whether contestants say other labels than they did. Pure.

It moves when the world does, when a model does, and when what is looked at does; alone it tells no cause, and says
nothing of whether labels are right. Which labels moved, `roost_cloud.monitor.telling` says.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roost_shared.sketches import LabelCounts, UnlikeSketchesError

__all__ = ["stack_labels"]


def stack_labels(windows: Sequence[LabelCounts]) -> NDArray[np.int64]:
    """The counts of windows, (windows, slots), for `CountsTest`.

    Raises:
        UnlikeSketchesError: they are of more than one label space: a new baseline begins with the second.
    """
    if len({window.space for window in windows}) > 1:
        raise UnlikeSketchesError("windows of several label spaces cannot be compared: begin a new baseline")
    return np.array([window.counts for window in windows], np.int64).reshape(-1, LabelCounts.SLOTS)
