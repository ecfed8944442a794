"""How good logits are once their temperature is fitted. Pure."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roost_shared.bundle.temperature import TemperatureError, calibration_error, fit_temperature

__all__ = ["Calibrated", "at_temperature", "calibrate", "is_better", "settled"]

Floats = NDArray[np.float64]


class Calibrated(NamedTuple):
    """A fit, on examples that the weights had not seen.

    Attributes:
        temperature: of the softmax.
        loss: cross-entropy at that temperature, in nats.
        entropies: (examples,), of which it is the mean.
        calibration_error: at that temperature, 0…1.
    """

    temperature: float
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
        temperature = fit_temperature(logits, truth, share)
    except TemperatureError:
        temperature = otherwise
    return at_temperature(logits, truth, share, temperature)


def at_temperature(logits: Floats, truth: NDArray[np.intp], share: Floats, temperature: float) -> Calibrated:
    """The same at a given temperature."""
    scaled = logits / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    entropies = np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(len(truth)), truth]
    error = calibration_error(logits, truth, temperature, share)
    return Calibrated(temperature, float(share @ entropies), entropies, error)


def is_better(one: Calibrated, other: Calibrated, share: Floats) -> bool:
    """Whether one's loss is below another's on the same examples, by more than a standard error."""
    gains = other.entropies - one.entropies
    gain = float(share @ gains)
    return gain > float(np.sqrt(share**2 @ (gains - gain) ** 2))


def settled(logits: Floats, truth: NDArray[np.intp], share: Floats, usual: float) -> Calibrated:
    """The fitted temperature if that makes less sure and is better for certain; else the usual one.

    With few labels a fit is much by chance, and the reference may be what the base has learnt by heart. To be too sure
    costs wrong answers, to be less sure than need be costs a question to the cloud.
    """
    fitted, stays = calibrate(logits, truth, share, usual), at_temperature(logits, truth, share, usual)
    return fitted if fitted.temperature > usual and is_better(fitted, stays, share) else stays
