"""What candidate and incumbent said of labelled inputs, by what people said: both's confusion in one count. Pure."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from roost_cloud.gate.figures import Outcome
from roost_cloud.gate.verdict import Confused

__all__ = ["CELLS_MAX", "confusion"]

CELLS_MAX: Final = 2000  # cells that a verdict carries, the most frequent


def confusion(outcomes: Iterable[Outcome]) -> tuple[Confused, ...]:
    """Count, the most frequent first; where neither says a label, as of numbers, there is nothing to count.

    >>> seen = [Outcome("old", 1.0, "", True, False, False, truth="7", incumbent_said="7", candidate_said="1")] * 2
    >>> [(cell.truth, cell.incumbent, cell.candidate, cell.inputs) for cell in confusion(seen)]
    [('7', '7', '1', 2)]
    """
    counts = Counter(
        (one.world, one.truth, one.incumbent_said, one.candidate_said)
        for one in outcomes
        if one.incumbent_said is not None or one.candidate_said is not None
    )
    ordered = sorted(counts.items(), key=lambda one: (-one[1], *(said or "" for said in one[0])))
    return tuple(Confused(*cell, inputs) for cell, inputs in ordered[:CELLS_MAX])
