"""Self-training: what a head is sure of among unlabelled inputs, as examples of what it says. Pure.

They take up to half of the new world's part of the loss. D.-H. Lee, *Pseudo-Label*, 2013.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from roost_cloud.training.head.objective import Examples, Weights, shares
from roost_shared.outputs import softmax

__all__ = ["pseudo_labelled"]

Floats = NDArray[np.float64]

_SURE: Final = 0.9  # a probability
_PART: Final = 0.25  # of the loss


def pseudo_labelled(examples: Examples, rows: Floats, weight: Floats, weights: Weights) -> Examples:
    """The examples, with those of the rows that the head is sure of.

    Args:
        examples: labelled.
        rows: (inputs, features + 1), unlabelled.
        weight: (inputs,), how many inputs each stands for.
        weights: of the head.
    """
    probabilities = softmax(rows @ weights)
    sure = probabilities.max(axis=1) >= _SURE
    if not sure.any():
        return examples
    said = probabilities[sure].argmax(axis=1)
    part = shares(weight[sure], np.ones(int(sure.sum()), bool), said)
    return Examples(
        np.vstack([examples.features, rows[sure]]),
        np.append(examples.truth, said),
        np.append(examples.share * (1 - _PART), part * _PART),
    )
