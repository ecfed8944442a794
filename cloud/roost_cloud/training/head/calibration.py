"""How good logits are once their temperature is fitted. Pure."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roost_shared.bundle.temperature import TemperatureError, calibration_error, fit_temperature

__all__ = ["Calibrated", "calibrate"]

Floats = NDArray[np.float64]


class Calibrated(NamedTuple):
    """A fit, on examples that the weights had not seen.

    Attributes:
        temperature: the best one.
        is_fitted: there is a best one within reason; else the temperature is what was asked for in that case.
        loss: cross-entropy at that temperature, in nats.
        entropies: (examples,), of which it is the mean.
        calibration_error: at that temperature, 0…1.
    """

    temperature: float
    is_fitted: bool
    loss: float
    entropies: Floats
    calibration_error: float


def calibrate(logits: Floats, truth: NDArray[np.intp], share: Floats, otherwise: float = 1.0) -> Calibrated:
    """Fit a temperature.

    Args:
        logits: (examples, labels).
        truth: (examples,), the index of each one's label.
        share: (examples,), of the loss; of all together 1.
        otherwise: the temperature where none fits: all are read right, or hardly any.
    """
    try:
        temperature, is_fitted = fit_temperature(logits, truth, share), True
    except TemperatureError:
        temperature, is_fitted = otherwise, False
    scaled = logits / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    entropies = np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(len(truth)), truth]
    error = calibration_error(logits, truth, temperature, share)
    return Calibrated(temperature, is_fitted, float(share @ entropies), entropies, error)
