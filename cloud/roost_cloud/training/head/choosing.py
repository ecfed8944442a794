"""Which λ, by cross-validation on what there is to learn from. Pure but for progress."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roost_cloud.training.head.calibration import calibrate
from roost_cloud.training.head.objective import Examples, Weights, fit
from roost_cloud.training.progress import Progress

__all__ = ["PENALTIES", "Choice", "choose_penalty", "folds_of"]

Floats = NDArray[np.float64]

# From where the incumbent hardly moves to where it hardly counts; features are scaled, see `objective`.
PENALTIES: Final = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)
_FOLDS: Final = 5


@dataclass(frozen=True)
class Choice:
    """What cross-validation found.

    Attributes:
        penalty: λ of the least loss on examples left out.
        loss: that loss, in nats, at a fitted temperature: to be less sure takes no other weights.
        logits: (examples, labels), of each example from a fit that had left it out.
    """

    penalty: float
    loss: float
    logits: Floats


def folds_of(groups: Sequence[str], seed: int, most: int = _FOLDS) -> NDArray[np.intp]:
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
            progress.step(fold * len(penalties) + number, count * len(penalties), "choosing λ")
            weights = fit(examples.part(~left_out), prior, penalty, progress, start=weights)
            logits[number, left_out] = examples.features[left_out] @ weights
    progress.step(count * len(penalties), count * len(penalties), "choosing λ")
    losses = [calibrate(one, examples.truth, judged).loss for one in logits]
    best = int(np.argmin(losses))  # of equals the largest λ
    return Choice(penalties[best], losses[best], logits[best])
