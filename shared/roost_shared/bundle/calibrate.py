"""Fit a bundle's softmax temperature to labelled examples, so that its confidence is how often it is right.

The model stays, and with it label and golden vectors; only the document's temperature changes.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from roost_shared.bundle.derive import derive_bundle, derived_config
from roost_shared.bundle.examples import Example, ExamplesError
from roost_shared.bundle.layout import Bundle
from roost_shared.bundle.manifest import SoftmaxConfidence
from roost_shared.bundle.temperature import calibration_error, fit_temperature, mean_nll
from roost_shared.errors import ContentError, InputError
from roost_shared.outputs import as_logits
from roost_shared.pipeline import Pipeline

__all__ = ["Calibrated", "CalibrationError", "Fit", "calibrate_bundle"]

LEAST_EXAMPLES: Final = 50
_DIGITS: Final = 4  # of the temperature: more than any set of examples can tell


class CalibrationError(ContentError):
    """The bundle has no temperature that could be fitted."""

    code = "calibration.no_temperature"


@dataclass(frozen=True)
class Fit:
    """How well a temperature fits the examples.

    Attributes:
        temperature: of the softmax.
        nll: mean negative log-likelihood of the true labels, in nats.
        calibration_error: expected difference of confidence and accuracy, 0…1.
    """

    temperature: float
    nll: float
    calibration_error: float


@dataclass(frozen=True)
class Calibrated:
    """The bundle with the fitted temperature, and what it brought on the examples it was fitted to."""

    bundle: Bundle
    samples: int
    before: Fit
    after: Fit


def calibrate_bundle(
    bundle: Bundle, examples: Sequence[Example], out: Path, *, version: str | None = None
) -> Calibrated:
    """Write the bundle anew with the temperature that fits the examples best.

    Args:
        bundle: a classification with softmax confidence.
        examples: at least 50, of more than one label, like those it will meet.
        out: the folder to write.
        version: of the new bundle; None: the old one's with `-calibrated`.

    Raises:
        CalibrationError: the bundle is no classification with softmax confidence.
        ExamplesError: they are too few, of one label only, or one cannot be read.
        TemperatureError: no temperature within reason fits them.
        ConfigError: the version is not one the new bundle can have.
        BundleExistsError: another bundle lies at `out`.
    """
    confidence = bundle.config.confidence
    if not isinstance(confidence, SoftmaxConfidence):
        raise CalibrationError(f"{bundle.reference}: its confidence comes from no softmax, so it has no temperature")
    _check(examples)
    logits = np.stack(_logits(bundle, examples))
    truth = np.array([bundle.config.labels.index(example.label) for example in examples])

    def fit(temperature: float) -> Fit:
        return Fit(temperature, mean_nll(logits, truth, temperature), calibration_error(logits, truth, temperature))

    fitted = float(f"{fit_temperature(logits, truth):.{_DIGITS}g}")
    changes = {"confidence": SoftmaxConfidence(fitted)}
    config = derived_config(bundle, version=version, suffix="calibrated", changes=changes)
    written = derive_bundle(bundle, out, config)
    return Calibrated(written, len(examples), fit(confidence.temperature), fit(fitted))


def _check(examples: Sequence[Example]) -> None:
    labels = Counter(example.label for example in examples)
    if len(examples) < LEAST_EXAMPLES:
        raise ExamplesError(
            f"{len(examples)} examples are too few to fit a temperature; give at least {LEAST_EXAMPLES}"
        )
    if len(labels) == 1:
        raise ExamplesError(f"all examples are called {next(iter(labels))!r}; give some of every label")


def _logits(bundle: Bundle, examples: Sequence[Example]) -> list[np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """The logits of each example, (classes,), as the bundle's temperature would divide them."""
    pipeline = Pipeline.load(bundle)
    logits = []
    for example in examples:
        try:
            real = pipeline.outputs(example.path.read_bytes())[0]
        except InputError as error:
            raise ExamplesError(f"{example.path}: {error}") from error
        logits.append(as_logits(real.reshape(-1), bundle.config.output.values))
    return logits
