"""The kinds of φ. Pure.

A kind's number is on the wire and never given to another: whoever changes how a statistic is measured makes a new
kind, since windows of two measures must not be compared.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

__all__ = ["EMBEDDING", "IMAGE", "KINDS", "TENSOR", "PhiKind"]


class PhiKind(NamedTuple):
    """What is measured.

    Attributes:
        number: on the wire, 1…255.
        name: as a bundle's document calls it.
        statistics: what each place of the vector holds.
        words: what people call a statistic where that is another word.
    """

    number: int
    name: str
    statistics: tuple[str, ...]
    words: Mapping[str, str]

    def word(self, place: int) -> str:
        """What people call the statistic at `place`."""
        statistic = self.statistics[place]
        return self.words.get(statistic, statistic)


IMAGE: Final = PhiKind(
    number=1,
    name="image",
    statistics=("mean", "deviation", "median", "percentile_90", "centroid_x", "centroid_y", "gradient", "laplacian"),
    words={
        "mean": "brightness",
        "deviation": "contrast",
        "median": "median brightness",
        "percentile_90": "brightness of the brightest tenth",
        "centroid_x": "balance left to right",
        "centroid_y": "balance top to bottom",
        "gradient": "sharpness of edges",
        "laplacian": "fine detail",
    },
)
TENSOR: Final = PhiKind(
    number=2,
    name="tensor",
    statistics=(
        "mean",
        "deviation",
        "percentile_10",
        "median",
        "percentile_90",
        "roughness",
        "zeros",
        "not_finite",
    ),
    words={"zeros": "share of zeros", "not_finite": "share of values that are not finite"},
)
EMBEDDING: Final = PhiKind(
    number=3,
    name="embedding",
    statistics=("mean", "deviation", "zeros", "largest", "along_1", "along_2", "along_3", "along_4"),
    words={"zeros": "share of silent features", **{f"along_{n}": f"direction {n}" for n in range(1, 5)}},
)
KINDS: Final[Mapping[int, PhiKind]] = {kind.number: kind for kind in (IMAGE, TENSOR, EMBEDDING)}
