"""Whether the world changed while devices were commissioned: a baseline's second half against its first. Pure.

A device whose lens gets dirty in its first week is judged against a mixture from then on, and may never alarm. So its
commissioning windows are cut into ten blocks in order of time, and the mean of the last five is compared with that of
the first five, by the same statistic as a new window is: T² by the scatter of blocks about the mean of their half,
pooled over devices, over the device's own scale. Blocks hold what hours and nights do to windows, which are like the
window before them. The scale is that of the device's steadier half: a change within the other shall not excuse itself.
Of counts, it is chi-square of the one half against the other, by what blocks of a half differ by.

It is said of a baseline, and alarms nobody: a person begins it anew.

>>> random = np.random.default_rng(1)
>>> fleet = [random.normal(0, 1, (20, 2)) for _ in range(8)]
>>> fleet[3][10:, 1] += 9
>>> [round(one.share, 3) < LEAST for one in shifts("input", fleet)]
[False, False, False, True, False, False, False, False]
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roost_cloud.drift.budget import Kind
from roost_cloud.drift.chi_square import statistic
from roost_cloud.drift.f_distribution import f_tail
from roost_cloud.drift.measures import CONTINUOUS, compared
from roost_cloud.drift.scatter import Scatter

__all__ = ["LEAST", "Shift", "shifts"]

Floats = NDArray[np.float64]

LEAST: Final = 1e-4  # share, below which it is said
_HALF: Final = 5  # blocks
_DRAWN: Final = 2  # blocks that what is usual counts for in a device's own scale
_FREEDOM: Final = 2  # times p, that the scatter of blocks takes


class Shift(NamedTuple):
    """How the second half of a device's commissioning differs from its first.

    Attributes:
        share: of devices at which nothing changed that differ as much, as far as a formula goes.
        deviations: of windows, by statistic, (p,); None of counts.
    """

    share: float
    deviations: Floats | None


def shifts(kind: Kind, devices: Sequence[NDArray[Any]]) -> list[Shift]:
    """Of each device.

    Args:
        kind: of drift.
        devices: features of its commissioning windows in order of time, (K, …), ten at least.

    Returns:
        None at all, where all windows together are too few to tell.
    """
    if kind in CONTINUOUS:
        return _of_means(devices)
    return _of_counts([compared(kind, windows) for windows in devices])


def _of_means(devices: Sequence[Floats]) -> list[Shift]:
    blocks = np.array([[one.mean(axis=0) for one in np.array_split(windows, 2 * _HALF)] for windows in devices])
    halves = blocks.reshape(len(blocks), 2, _HALF, -1)
    means = halves.mean(axis=2)
    residuals = halves - means[:, :, None]
    freedom = 2 * (_HALF - 1) * len(devices)
    flat = residuals.reshape(-1, residuals.shape[-1])
    size = np.median(np.abs(np.concatenate(devices)), axis=0)
    scatter = Scatter(flat.T @ flat / freedom, size)
    if freedom < _FREEDOM * len(size):
        return []
    own = scatter.distances(residuals).squares.sum(axis=2).min(axis=1)  # of the steadier half
    rank = scatter.rank
    scale = (_DRAWN * rank + own) / (_DRAWN * rank + rank * (_HALF - 1)) if rank else np.ones(len(devices))
    off = means[:, 1] - means[:, 0]
    squares, escaped = scatter.distances(off)
    squares = squares / (2 / _HALF) / scale
    deviation = scatter.deviation
    deviations = np.divide(off, deviation, out=np.where(off, np.copysign(np.inf, off), 0.0), where=deviation > 0)
    below = freedom - rank + 1
    return [
        Shift(0.0 if gone else f_tail(square * below / (rank * freedom), rank, below) if rank else 1.0, its)
        for square, gone, its in zip(squares.tolist(), escaped.tolist(), deviations, strict=True)
    ]


def _of_counts(devices: Sequence[NDArray[Any]]) -> list[Shift]:
    blocks = [np.array([one.sum(axis=0) for one in np.array_split(windows, 2 * _HALF)]) for windows in devices]
    halves = [(its[:_HALF], its[_HALF:]) for its in blocks]
    own = [min(_apart(half) for half in its) for its in halves]
    usual = max(float(np.median(own)), 1.0)  # chance alone makes 1 of it
    found: list[Shift] = []
    for (first, second), apart in zip(halves, own, strict=True):
        value, degrees = statistic(first.sum(axis=0), second.sum(axis=0))
        scale = (_DRAWN * usual + _HALF * apart) / (_DRAWN + _HALF)
        below = max(degrees, 1) * (_HALF - 1)
        share = f_tail(value / max(scale, 1.0), degrees, below) if degrees else 1.0
        found.append(Shift(share, None))
    return found


def _apart(half: NDArray[Any]) -> float:
    """How far blocks of a half are from its others, on average."""
    total = half.sum(axis=0)
    return float(np.mean([statistic(total - block, block)[0] for block in half]))
