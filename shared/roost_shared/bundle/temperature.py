"""The temperature that makes a classifier's confidence mean what it says, and how well it does.

One number T: probabilities are `softmax(logits / T)`. Labels stay; above 1 it is less sure, below 1 surer. Guo,
Pleiss, Sun and Weinberger, *On Calibration of Modern Neural Networks*, ICML 2017.

>>> logits = np.array([[4.0, 0.0], [4.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
>>> truth = np.array([0, 0, 1, 1])  # read right three times of four: 75 % sure is the truth
>>> round(fit_temperature(logits, truth), 2)
3.64
>>> round(calibration_error(logits, truth, 1.0), 2), round(calibration_error(logits, truth, 3.64), 2)
(0.23, 0.0)
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from roost_shared.errors import ContentError
from roost_shared.outputs import softmax

__all__ = ["TemperatureError", "calibration_error", "fit_temperature", "mean_nll"]

Logits = NDArray[np.float64]  # (samples, classes)
Truth = NDArray[np.integer[Any]]  # (samples,), the index of each one's true class
Weights = NDArray[np.float64]  # (samples,), of how many each one stands for

_LEAST_TEMPERATURE: Final = 0.05
_MOST_TEMPERATURE: Final = 20.0
_HALVINGS: Final = 50  # of the interval in question: far below the noise of any set of examples
_BINS: Final = 15  # of confidence, as in the paper


class TemperatureError(ContentError):
    """No temperature within reason fits the examples."""

    code = "calibration.unbounded"


def fit_temperature(logits: Logits, truth: Truth, weights: Weights | None = None) -> float:
    """The temperature of the least mean negative log-likelihood.

    That is convex in 1/T, so its slope has one zero, found by bisection.

    Args:
        logits: (samples, classes).
        truth: (samples,), the index of each one's true class.
        weights: (samples,), of how many each one stands for; None: of one.

    Raises:
        TemperatureError: the likelihood only rises towards a temperature of 0 or infinity.
    """
    low, high = 1 / _MOST_TEMPERATURE, 1 / _LEAST_TEMPERATURE
    if _slope(logits, truth, high, weights) <= 0:
        raise TemperatureError("the examples are all read right, or nearly: they do not tell how sure is too sure")
    if _slope(logits, truth, low, weights) >= 0:
        raise TemperatureError("the model reads the examples no better for being surer: check their labels")
    for _ in range(_HALVINGS):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if _slope(logits, truth, middle, weights) < 0 else (low, middle)
    return 1 / high


def mean_nll(logits: Logits, truth: Truth, temperature: float, weights: Weights | None = None) -> float:
    """Mean negative log-likelihood of the true classes, in nats."""
    scaled = logits / temperature
    peak = scaled.max(axis=1)
    total = peak + np.log(np.exp(scaled - peak[:, np.newaxis]).sum(axis=1))
    return float(np.average(total - _of_truth(scaled, truth), weights=weights))


def calibration_error(logits: Logits, truth: Truth, temperature: float, weights: Weights | None = None) -> float:
    """Expected calibration error, 0…1: how far confidence and accuracy lie apart, over 15 bins of confidence."""
    probabilities = softmax(logits / temperature)
    confidences, hits = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bins = np.minimum((confidences * _BINS).astype(int), _BINS - 1)
    each = np.ones(len(truth)) if weights is None else weights
    gaps = np.bincount(bins, weights=each * (hits - confidences), minlength=_BINS)
    return float(np.abs(gaps).sum() / each.sum())


def _slope(logits: Logits, truth: Truth, inverse: float, weights: Weights | None) -> float:
    """The derivative of the mean negative log-likelihood by 1/T; it only rises with 1/T."""
    expected = (softmax(logits * inverse) * logits).sum(axis=1)
    return float(np.average(expected - _of_truth(logits, truth), weights=weights))


def _of_truth(values: Logits, truth: Truth) -> NDArray[np.float64]:
    return np.take_along_axis(values, truth[:, np.newaxis], axis=1)[:, 0]
