"""An input that may become part of a snapshot. Pure.

Inputs with the same bytes become one, so that no part can hold what another does: the weights are added, the label is
the one that all have whom people labelled, or else all that are labelled. Those of the reference set come first, then
what is old, then what came first.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from roost_cloud.datasets.snapshot import Part, World

__all__ = ["Drawn", "Merged", "Pooled", "Source", "merge"]

Source = Literal["person", "teacher", "reference", ""]
Drawn = Literal["random", "chosen", ""]
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Pooled(NamedTuple):
    """An input.

    Attributes:
        sample: `{device}/{sample}`, or `@reference/{key}`.
        sha256: hex, of its bytes.
        media_type: of its bytes.
        size_bytes: how many.
        world: `new` or `old`.
        label: what it shows; None: nobody said.
        source: of the label.
        weight: the inverse of the probability with which it was kept.
        device: that it came from; empty: not known.
        at: when it came.
        drawn: how it came to be labelled: the queue drew it at random, by weight; or chose it for what was said of it;
            empty: by neither.
        part: of a reference set's, which says so itself; None: it is to be found.
    """

    sample: str
    sha256: str
    media_type: str
    size_bytes: int
    world: World
    label: str | None = None
    source: Source = ""
    weight: float = 1.0
    device: str = ""
    at: datetime = _NEVER
    drawn: Drawn = ""
    part: Part | None = None


class Merged(NamedTuple):
    """Inputs of which no two have the same bytes.

    Attributes:
        inputs: in order of `sample`.
        same_bytes: that became one with another.
        contradictory: that were left out, since the same bytes are labelled otherwise elsewhere.
    """

    inputs: list[Pooled]
    same_bytes: int
    contradictory: int


def merge(pool: Iterable[Pooled]) -> Merged:
    """Make inputs with the same bytes one."""
    groups: defaultdict[str, list[Pooled]] = defaultdict(list)
    for one in pool:
        groups[one.sha256].append(one)
    inputs: list[Pooled] = []
    same_bytes = contradictory = 0
    for group in groups.values():
        found = _one_of(sorted(group, key=_rank))
        if found is None:
            contradictory += len(group)
        else:
            inputs.append(found)
            same_bytes += len(group) - 1
    return Merged(sorted(inputs, key=lambda one: one.sample), same_bytes, contradictory)


def _rank(one: Pooled) -> tuple[bool, bool, datetime, str]:
    return one.part is None, one.world == "new", one.at, one.sample


def _one_of(group: list[Pooled]) -> Pooled | None:
    """What inputs with the same bytes become; None where their labels contradict each other."""
    first = group[0]
    if first.part is not None:
        return first  # what the incumbent was judged by stays what it was
    people = [one for one in group if one.source == "person"]
    labelled = people or [one for one in group if one.label is not None]
    if len({one.label for one in labelled}) > 1:
        return None
    said = labelled[0] if labelled else first
    return first._replace(
        label=said.label,
        source=said.source,
        weight=sum(one.weight for one in group),
        drawn=_together({one.drawn for one in labelled}),
    )


def _together(drawn: set[Drawn]) -> Drawn:
    """How inputs with the same bytes came to be labelled: where one was drawn at random, they were."""
    if "random" in drawn:
        return "random"
    return "chosen" if drawn == {"chosen"} else ""
