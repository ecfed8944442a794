"""What a refitted head minimises: ½ cross-entropy on old + ½ on new + λ‖W − W₀‖². Pure.

W₀ are the incumbent's weights: with few labels the head stays near what it knew. A row of W is a feature's weights for
all labels, the last one the biases; features are divided by one number, so that their squares add up to 1 on average
and λ means the same on every base.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from roost_cloud.training.errors import TrainingError

__all__ = ["Examples", "Weights", "fit", "shares"]

Floats = NDArray[np.float64]
Weights = Floats  # (features + 1, labels)

_STEPS: Final = 200
_CUTS: Final = 50  # each brings the largest weight nearer to the others
_HALF: Final = 0.5  # of the loss: each world's


@dataclass(frozen=True)
class Examples:
    """Labelled features.

    Attributes:
        features: (examples, features + 1), the last one 1.
        truth: (examples,), the index of each one's label.
        share: (examples,), of the loss; of all together 1.
    """

    features: Floats
    truth: NDArray[np.intp]
    share: Floats

    def part(self, chosen: NDArray[Any]) -> "Examples":
        """Those chosen, by mask or by index."""
        return Examples(self.features[chosen], self.truth[chosen], self.share[chosen])


def shares(weight: Floats, is_new: NDArray[np.bool_], truth: NDArray[np.intp] | None = None) -> Floats:
    """Of what part of the loss each example is.

    Weights are the inverse of keep probabilities, so a few may outweigh all others. They are cut at the root of their
    number times their mean, again and again until none is beyond: E. Ionides, *Truncated Importance Sampling*, 2008.

    Args:
        weight: (examples,), above 0.
        is_new: (examples,), of the new world. Where both worlds are there, each is half of the loss.
        truth: (examples,); if given, all labels of a world that occur there are equal parts of it.
    """
    share = np.zeros_like(weight)
    worlds = [mask for mask in (is_new, ~is_new) if mask.any()]
    for mask in worlds:
        part = _cut(weight[mask])
        if truth is not None:
            of_label = np.bincount(truth[mask], weights=part)
            part = part / of_label[truth[mask]]
        share[mask] = part / part.sum() / len(worlds)
    return share


def _cut(weight: Floats) -> Floats:
    for _ in range(_CUTS):
        most = weight.mean() * len(weight) ** _HALF
        if weight.max() <= most:
            break
        weight = np.minimum(weight, most)
    return weight


def fit(
    examples: Examples,
    prior: Weights,
    penalty: float,
    alive: Callable[[], None],
    *,
    start: Weights | None = None,
    free: NDArray[np.bool_] | None = None,
) -> Weights:
    """The weights that minimise the loss.

    Args:
        examples: to learn from.
        prior: W₀.
        penalty: λ.
        alive: called at each step; what it raises ends the fit.
        start: where to begin; None: at `prior`.
        free: (labels,), whose weights may change; None: all.

    Raises:
        TrainingError: the loss is not finite.
    """
    moved = np.flatnonzero(np.ones(prior.shape[1], bool) if free is None else free)
    hot = np.zeros((len(examples.truth), prior.shape[1]))
    hot[np.arange(len(hot)), examples.truth] = 1
    base = examples.features @ prior

    def loss(flat: Floats) -> tuple[float, Floats]:
        change = flat.reshape(prior.shape[0], len(moved))
        logits = base.copy()
        logits[:, moved] += examples.features @ change
        logits -= logits.max(axis=1, keepdims=True)
        of_truth = (logits * hot).sum(axis=1)
        np.exp(logits, out=logits)
        total = logits.sum(axis=1, keepdims=True)
        value = examples.share @ (np.log(total[:, 0]) - of_truth) + penalty * (flat @ flat)
        slope = (logits / total - hot)[:, moved] * examples.share[:, np.newaxis]
        return float(value), (examples.features.T @ slope).ravel() + 2 * penalty * flat

    begin = np.zeros((prior.shape[0], len(moved))) if start is None else (start - prior)[:, moved]
    found = minimize(
        loss,
        begin.ravel(),
        jac=True,
        method="L-BFGS-B",
        callback=lambda _: alive(),
        options={"maxiter": _STEPS, "ftol": 1e-9, "gtol": 1e-6},
    )
    if not np.isfinite(found.fun) or not np.isfinite(found.x).all():
        raise TrainingError("the loss is not a number: look at the features and weights of the examples")
    weights = prior.copy()
    weights[:, moved] += found.x.reshape(prior.shape[0], len(moved))
    return weights
