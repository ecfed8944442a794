"""From a pool of inputs to a snapshot. Pure: the same pool gives the same snapshot.

- What people said outweighs all else before it comes here (`roost_cloud.labels`).
- Labels that the incumbent does not know join the label space, behind its own, where training has some of them.
- Samples that the queue handed out because they looked hard are no fair sample of the world: they are for training and
  validation only, and left out where their device is for judging, unless nothing else is there to judge by.
- What teachers labelled, and what nobody did (for self-training), is for training alone, and of no device, or of no
  stretch of time, that is held back: a poisoned teacher must not judge what it has taught.
- A weight is the inverse of the keep probability, clipped, since one input in a hundred must not outweigh all others.
  What the queue drew at random it drew by these weights, so there they have done their work: such labels of a world
  all weigh the same, the harmonic mean of theirs, which is what one label stands for on average.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from statistics import harmonic_mean
from typing import Any, Final, NamedTuple

from roost_cloud.datasets.errors import TooFewLabelsError
from roost_cloud.datasets.pooled import Pooled, merge
from roost_cloud.datasets.snapshot import Part, Snapshot, SnapshotItem
from roost_cloud.datasets.splitting import Split, split
from roost_cloud.labels.chance import chance

__all__ = ["FEWEST", "Chosen", "Incumbent", "Limits", "choose"]

FEWEST: Final = 4  # labelled inputs that can be split at all


class Limits(NamedTuple):
    """How much is chosen.

    Attributes:
        labels_min: inputs of the changed world that it takes, labelled by people.
        taught_max: labelled by teachers that are taken at most.
        unlabelled_max: that are taken at most.
        old_max: labelled ones of the old world that are taken at most, the reference set not counted.
        weight_max: of one input.
    """

    labels_min: int = 10
    taught_max: int = 2000
    unlabelled_max: int = 2000
    old_max: int = 5000
    weight_max: float = 20.0


class Incumbent(NamedTuple):
    """The bundle that a candidate is to be better than.

    Attributes:
        digest: of its manifest.
        labels: its label space.
    """

    digest: str
    labels: tuple[str, ...]


class Chosen(NamedTuple):
    """A snapshot, and what is to be said of it."""

    snapshot: Snapshot
    summary: dict[str, Any]


def choose(task: str, incumbent: Incumbent, pool: Iterable[Pooled], limits: Limits) -> Chosen:
    """Choose.

    Args:
        task: whose inputs they are.
        incumbent: the bundle to be better than.
        pool: inputs of both worlds, labelled and not; those of the reference set with their parts.
        limits: how many of each.

    Raises:
        TooFewLabelsError: there are too few of the changed world.
    """
    merged = merge(pool)
    left_out = Counter({"same_bytes": merged.same_bytes, "contradictory": merged.contradictory})
    known = {one.sample: one.part for one in merged.inputs if one.part is not None}
    new = _evened([one for one in merged.inputs if one.world == "new" and one.source == "person"])
    needed = max(FEWEST, limits.labels_min)
    if len(new) < needed:
        raise TooFewLabelsError(task, needed, len(new))
    old = [one for one in merged.inputs if one.world == "old" and one.label is not None and one.sample not in known]
    old = _evened(_some(old, limits.old_max, "old", left_out))
    parted = split(new, old)
    parts: Mapping[str, Part] = {**parted.parts, **known}
    labelled = _fair([*new, *old], parts, left_out) + [one for one in merged.inputs if one.sample in known]
    free = [one for one in merged.inputs if one.world == "new" and one.source in ("teacher", "")]
    apart = _apart(free, parted, new, left_out)
    labelled += _some([one for one in apart if one.label is not None], limits.taught_max, "taught", left_out)
    space = _space(incumbent.labels, labelled, parts)
    labelled = _within(labelled, space, left_out)
    unlabelled = [one for one in apart if one.label is None]
    unlabelled = _some(unlabelled, limits.unlabelled_max, "unlabelled", left_out)
    items = [_item(one, parts.get(one.sample, "train"), limits.weight_max) for one in (*labelled, *unlabelled)]
    snapshot = Snapshot(
        task=task,
        labels=space,
        incumbent=incumbent.digest,
        split=parted.kind,
        items=tuple(sorted(items, key=lambda item: item.sample)),
    )
    clipped = sum(one.weight > limits.weight_max for one in (*labelled, *unlabelled))
    return Chosen(snapshot, _summary(snapshot, limits, clipped, left_out))


def _some(inputs: Sequence[Pooled], most: int, what: str, left_out: Counter[str]) -> list[Pooled]:
    """At most so many, by hash: which they are says nothing of them."""
    taken = sorted(inputs, key=lambda one: chance(what, one.sample))[:most]
    left_out[what] += len(inputs) - len(taken)
    return taken


def _evened(labelled: Sequence[Pooled]) -> list[Pooled]:
    """With one weight for all that were drawn by weight.

    Drawn in proportion to w, the mean of 1/w is one over the mean w of what they were drawn from.
    """
    drawn = [one.weight for one in labelled if one.drawn == "random"]
    if not drawn:
        return list(labelled)
    even = harmonic_mean(drawn)
    return [one._replace(weight=even) if one.drawn == "random" else one for one in labelled]


def _fair(inputs: Sequence[Pooled], parts: Mapping[str, Part], left_out: Counter[str]) -> list[Pooled]:
    """Without those for judging that were handed out because they looked hard, where others are there to judge by."""
    fair = {
        world: any(one.world == world and parts[one.sample] == "test" and one.drawn != "chosen" for one in inputs)
        for world in ("new", "old")
    }
    found = [one for one in inputs if not (one.drawn == "chosen" and parts[one.sample] == "test" and fair[one.world])]
    left_out["not_random"] += len(inputs) - len(found)
    return found


def _space(incumbent: Sequence[str], labelled: Iterable[Pooled], parts: Mapping[str, Part]) -> tuple[str, ...]:
    """The incumbent's labels, and behind them those that training alone can teach."""
    taught = {one.label for one in labelled if one.label is not None and parts.get(one.sample, "train") == "train"}
    return (*incumbent, *sorted(taught.difference(incumbent)))


def _within(labelled: Sequence[Pooled], space: Sequence[str], left_out: Counter[str]) -> list[Pooled]:
    """Those whose label a candidate could give."""
    found = [one for one in labelled if one.label in space]
    left_out["label_not_in_train"] += len(labelled) - len(found)
    return found


def _apart(free: Sequence[Pooled], parted: Split, new: Sequence[Pooled], left_out: Counter[str]) -> list[Pooled]:
    """Inputs that are near none that is held back."""
    held_back: dict[str, datetime] = {}  # in a split by time, from when on, by device
    if parted.kind == "time":
        for one in new:
            if parted.parts[one.sample] != "train":
                held_back[one.device] = min(one.at, held_back.get(one.device, one.at))
    found = [
        one
        for one in free
        if parted.devices.get(one.device, "train") == "train"
        and (one.device not in held_back or one.at < held_back[one.device])
    ]
    left_out["near_held_back"] += len(free) - len(found)
    return found


def _item(one: Pooled, part: Part, weight_max: float) -> SnapshotItem:
    return SnapshotItem(
        sample=one.sample,
        sha256=one.sha256,
        media_type=one.media_type,
        size_bytes=one.size_bytes,
        label=one.label,
        source=one.source,
        weight=min(one.weight, weight_max),
        device=one.device,
        world=one.world,
        part=part,
    )


def _summary(snapshot: Snapshot, limits: Limits, clipped: int, left_out: Counter[str]) -> dict[str, Any]:
    """How many of what; for people, and no part of what the digest is of."""
    labelled = [item for item in snapshot.items if item.label is not None]
    parts = {
        world: {
            part: sum(item.world == world and item.part == part for item in labelled)
            for part in ("train", "validation", "test")
        }
        for world in ("new", "old")
    }
    return {
        "parts": parts,
        "labels": dict(sorted(Counter(item.label or "" for item in labelled if item.world == "new").items())),
        "sources": dict(sorted(Counter(item.source for item in labelled).items())),
        "devices": len({item.device for item in labelled if item.world == "new"}),
        "unlabelled": len(snapshot.items) - len(labelled),
        "weight_max": limits.weight_max,
        "weights_clipped": clipped,
        "left_out": {why: count for why, count in sorted(left_out.items()) if count},
    }
