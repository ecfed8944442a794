"""Which labelled inputs are for training, which for choosing among settings, which for judging. Pure.

Inputs of one device are alike: a picture that was taken a second after another tells nothing new. So a device is in
one part. Where there are too few devices for that, each one's time is cut in three stretches, the latest for judging,
and the split says `time`: near-duplicates at a cut may be on both sides of it.

Devices are put in an order by hash, and the order is cut where the shares are reached. Of several such orders the one
that spreads labels best is taken, so that each part has some of each where that can be. The same devices with the same
labels are split alike on every machine. A third is for judging: of twenty labels fewer than seven would show nothing,
since a paired test needs five inputs on which one model wins and the other loses.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple, get_args

from roost_cloud.datasets.pooled import Pooled
from roost_cloud.datasets.snapshot import Part
from roost_cloud.labels.chance import chance

__all__ = ["SHARES", "Split", "split"]

SHARES: Final[Mapping[Part, float]] = {"test": 0.35, "validation": 0.15, "train": 0.5}  # in the order of the cuts
_PARTS: Final[tuple[Part, ...]] = get_args(Part)
_DEVICES_MIN: Final = 5
_ORDERS: Final = 32
_LEAST: Final = 0.25  # of its share, that a part must reach


class Split(NamedTuple):
    """How labelled inputs are split.

    Attributes:
        kind: `device` or `time`.
        parts: of labelled inputs, by `sample`.
        devices: of whole devices, by name, if they are split; else empty.
    """

    kind: Literal["device", "time"]
    parts: Mapping[str, Part]
    devices: Mapping[str, Part]


def split(new: Sequence[Pooled], old: Sequence[Pooled]) -> Split:
    """Split labelled inputs.

    Args:
        new: of the changed world.
        old: of before, without those whose part is known.
    """
    devices = _by_devices(new)
    if devices is None:
        return Split("time", _by_time(new) | _by_time(old), {})
    for name in {one.device for one in old} - devices.keys():
        devices[name] = _cut(chance("old", name))
    return Split("device", {one.sample: devices[one.device] for one in (*new, *old)}, devices)


def _by_devices(inputs: Sequence[Pooled]) -> dict[str, Part] | None:
    """The part of each device; None where there are too few, or one of them has nearly all inputs."""
    labels: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in inputs:
        labels[one.device][one.label or ""] += 1
    if len(labels) < _DEVICES_MIN or "" in labels:
        return None
    orders = (_ordered(labels, str(number)) for number in range(_ORDERS))
    costs = [
        (cost, number, parts) for number, parts in enumerate(orders) if (cost := _cost(labels, parts)) is not None
    ]
    return min(costs, key=lambda one: one[:2])[2] if costs else None


def _ordered(labels: Mapping[str, Counter[str]], order: str) -> dict[str, Part]:
    """Devices by hash, cut where their inputs, counted, reach the shares."""
    total, before = sum(count.total() for count in labels.values()), 0
    parts: dict[str, Part] = {}
    for name in sorted(labels, key=lambda name: chance(order, name)):
        parts[name] = _cut((before + labels[name].total() / 2) / total)
        before += labels[name].total()
    return parts


def _cut(place: float) -> Part:
    """The part at a place in 0…1."""
    reached = 0.0
    for part, share in SHARES.items():
        reached += share
        if place < reached:
            return part
    return "train"


def _cost(labels: Mapping[str, Counter[str]], parts: Mapping[str, Part]) -> float | None:
    """How far labels, and all inputs, are from the shares; None where a part has far too few."""
    counts: dict[Part, Counter[str]] = {part: Counter() for part in _PARTS}
    for name, part in parts.items():
        counts[part].update(labels[name])
    totals = sum(labels.values(), Counter[str]())
    in_all = totals.total()
    cost = 0.0
    for part, share in SHARES.items():
        if counts[part].total() < _LEAST * share * in_all:
            return None
        cost += abs(counts[part].total() - share * in_all)
        cost += sum(abs(counts[part][label] - share * count) for label, count in totals.items())
    return cost


def _by_time(inputs: Sequence[Pooled]) -> dict[str, Part]:
    """Each device's inputs in stretches; all of them together where a part would have none otherwise."""
    own: defaultdict[str, list[Pooled]] = defaultdict(list)
    for one in inputs:
        own[one.device].append(one)
    parts = {sample: part for some in own.values() for sample, part in _stretches(some)}
    return parts if set(parts.values()) == set(_PARTS) else dict(_stretches(inputs))


def _stretches(inputs: Iterable[Pooled]) -> list[tuple[str, Part]]:
    """The earliest for training, the latest for judging; of three or more at least one for each."""
    ordered = sorted(inputs, key=lambda one: (one.at, one.sample), reverse=True)
    parts: list[Part] = [_cut((number + 0.5) / len(ordered)) for number in range(len(ordered))]
    if len(ordered) >= len(_PARTS) and "validation" not in parts:
        parts[parts.index("train")] = "validation"
    return [(one.sample, part) for one, part in zip(ordered, parts, strict=True)]
