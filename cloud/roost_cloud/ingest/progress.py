"""What of a batch is new, and where the watermark goes. Pure.

Records of a boot count from 1. The watermark is the sequence up to which all are with us; what came from beyond a gap
is remembered as ranges, so that it need not come again. It does come so: workers share a boot's batches, and neither
waits for the other. The watermark passes a gap when it is filled, or when the device says itself that it has no older
records any more (`oldest`): what never came of those is lost, and counted. So batches may come in any order, twice or
never: whatever is delivered in the end is taken exactly once.

>>> step = next_step(Progress(watermark=4), first=3, oldest=1, count=5)
>>> step.progress.watermark, step.new
(7, [(2, 5)])
>>> ahead = next_step(Progress(watermark=4), first=8, oldest=1, count=5)
>>> ahead.progress, ahead.new
(Progress(watermark=4, lost=0, ahead=((8, 12),)), [(0, 5)])
>>> next_step(ahead.progress, first=5, oldest=1, count=4).progress
Progress(watermark=12, lost=0, ahead=())
>>> next_step(ahead.progress, first=8, oldest=7, count=5).progress
Progress(watermark=6, lost=2, ahead=((8, 12),))
"""

from typing import Final, Literal, NamedTuple

__all__ = ["MAX_AHEAD", "Outcome", "Progress", "Range", "Step", "next_step"]

MAX_AHEAD: Final = 256  # ranges beyond gaps; of a boot more scattered than that, nothing more is taken from beyond one

Outcome = Literal["stored", "repeated", "scattered"]
Range = tuple[int, int]


class Progress(NamedTuple):
    """How far a boot's records are with us."""

    watermark: int = 0
    lost: int = 0  # of those covered, how many never came
    ahead: tuple[Range, ...] = ()  # first and last of what came from beyond a gap, ascending and apart


class Step(NamedTuple):
    """What a batch brings."""

    progress: Progress
    new: list[Range]  # its records from the one index to before the other
    outcome: Outcome


def next_step(progress: Progress, *, first: int, oldest: int, count: int) -> Step:
    """Take a batch.

    Args:
        progress: of its boot.
        first: its first record's sequence.
        oldest: the lowest sequence that the device still has. What the batch holds came, even if it is older.
        count: of its records.
    """
    progress = _passing(progress, min(oldest, first) - 1)
    last = first + count - 1
    missing = _missing(progress, first, last)
    if not missing:
        return Step(progress, [], "repeated")
    reached = _absorbed(progress.watermark, sorted((*progress.ahead, *missing)))
    if len(reached[1]) > MAX_AHEAD:
        return Step(progress, [], "scattered")
    new = [(start - first, stop - first + 1) for start, stop in missing]
    return Step(Progress(reached[0], progress.lost, reached[1]), new, "stored")


def _passing(progress: Progress, passed: int) -> Progress:
    """After all up to `passed` that has not come is given up."""
    lost = sum(last - first + 1 for first, last in _missing(progress, 1, passed))
    watermark, ahead = _absorbed(max(progress.watermark, passed), progress.ahead)
    return Progress(watermark, progress.lost + lost, ahead)


def _missing(progress: Progress, first: int, last: int) -> list[Range]:
    """What of `first` to `last` is not with us."""
    missing = []
    start = max(first, progress.watermark + 1)
    for ahead_first, ahead_last in progress.ahead:
        if ahead_first > last:
            break
        if start < ahead_first:
            missing.append((start, ahead_first - 1))
        start = max(start, ahead_last + 1)
    if start <= last:
        missing.append((start, last))
    return missing


def _absorbed(watermark: int, ranges: tuple[Range, ...] | list[Range]) -> tuple[int, tuple[Range, ...]]:
    """A watermark moved over what follows it without a gap, and the ranges that are left, those that touch joined."""
    ahead: list[Range] = []
    for first, last in ranges:
        if first <= watermark + 1:
            watermark = max(watermark, last)
        elif ahead and first <= ahead[-1][1] + 1:
            ahead[-1] = (ahead[-1][0], max(ahead[-1][1], last))
        else:
            ahead.append((first, last))
    return watermark, tuple(ahead)
