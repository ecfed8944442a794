"""Which λ, by cross-validation on what there is to learn from. Pure but for progress.

With few labels the least loss is often luck: of the λ whose loss is within a standard error of the least, the largest
is taken, which leaves the incumbent most as it is. L. Breiman et al., *Classification and Regression Trees*, 1984.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roost_cloud.training.head.calibration import Calibrated, calibrate, is_better
from roost_cloud.training.head.objective import Examples, Weights, fit
from roost_cloud.training.progress import Progress

__all__ = ["PENALTIES", "Choice", "choose_penalty", "folds_of"]

Floats = NDArray[np.float64]

# From where the incumbent hardly moves to where it hardly counts; features are scaled, see `objective`.
PENALTIES: Final = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)


@dataclass(frozen=True)
class Choice:
    """What cross-validation found.

    Attributes:
        penalty: λ.
        logits: (examples, labels), of each example from a fit that had left it out.
        found: how good they are, at a fitted temperature: to be less sure takes no other weights.
    """

    penalty: float
    logits: Floats
    found: Calibrated


def folds_of(groups: Sequence[str], seed: int, most: int) -> NDArray[np.intp]:
    """In which fold each example is left out: those of a group in the same, groups spread by a hash of their names.

    >>> folds_of(["a", "b", "a", "c"], seed=0, most=2).tolist()
    [0, 1, 0, 0]
    """
    order = sorted(set(groups), key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    count = max(min(most, len(order)), 1)
    place = {name: number % count for number, name in enumerate(order)}
    return np.array([place[name] for name in groups], np.intp)


def choose_penalty(
    examples: Examples,
    judged: Floats,
    folds: NDArray[np.intp],
    prior: Weights,
    penalties: Sequence[float],
    progress: Progress,
) -> Choice:
    """Fit on all folds but one, for each λ and fold.

    Args:
        examples: to learn from.
        judged: (examples,), of what part of the loss each is where it is left out; of all together 1.
        folds: (examples,), the number of the fold in which each is left out.
        prior: the incumbent's weights.
        penalties: λ to choose from, falling.
        progress: told of each fold.

    Raises:
        TrainingError: the loss is not finite.
        TrainingCancelledError: the run was cancelled.
    """
    count = int(folds.max()) + 1
    logits = np.zeros((len(penalties), len(folds), prior.shape[1]))
    for fold in range(count):
        left_out, weights = folds == fold, prior
        for number, penalty in enumerate(penalties):
            alive = partial(progress.step, fold * len(penalties) + number, count * len(penalties), "choosing λ")
            alive()
            weights = fit(examples.part(~left_out), prior, penalty, alive, start=weights)
            logits[number, left_out] = examples.features[left_out] @ weights
    progress.step(count * len(penalties), count * len(penalties), "choosing λ")
    found = [calibrate(one, examples.truth, judged) for one in logits]
    best = min(found, key=lambda one: one.loss)
    chosen = next(number for number, one in enumerate(found) if not is_better(best, one, judged))
    return Choice(penalties[chosen], logits[chosen], found[chosen])
