"""What an alarm says of itself: which statistic moved, by how many deviations, in words. Pure.

>>> from roost_shared.phi import IMAGE
>>> moved = explain(IMAGE, np.array([0.1, -0.4, 0, 0, 0, 0, -6.2, -4.1]))
>>> [str(one) for one in moved]
['sharpness of edges fell by 6.2 deviations', 'fine detail fell by 4.1 deviations']
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roost_shared.phi import PhiKind

__all__ = ["MovedStatistic", "explain"]

_TOLD: Final = 2.0  # deviations: what moved less explains nothing


@dataclass(frozen=True)
class MovedStatistic:
    """A statistic that moved.

    Attributes:
        statistic: as `PhiKind` names it.
        word: what people call it.
        deviations: by how many, below 0 if it fell; infinite where it had never moved before.
    """

    statistic: str
    word: str
    deviations: float

    def __str__(self) -> str:
        """In words."""
        way = "rose" if self.deviations > 0 else "fell"
        if np.isinf(self.deviations):
            return f"{self.word} {way}, and was always the same before"
        return f"{self.word} {way} by {abs(self.deviations):.1f} deviations"


def explain(kind: PhiKind, deviations: NDArray[np.float64]) -> list[MovedStatistic]:
    """The statistics that moved by at least two deviations, the farthest first; the farthest at least.

    Args:
        kind: of φ.
        deviations: of each statistic, as `DriftTest.deviations` gives them.
    """
    order = np.argsort(-np.abs(deviations), kind="stable").tolist()
    told = [place for place in order if abs(deviations[place]) >= _TOLD] or order[:1]
    return [MovedStatistic(kind.statistics[place], kind.word(place), float(deviations[place])) for place in told]
