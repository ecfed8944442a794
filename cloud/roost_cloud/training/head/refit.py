"""From the incumbent's weights to the candidate's, with what was measured on the way. Pure but for progress."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roost_cloud.training.head.calibration import Calibrated, at_temperature, calibrate, is_better, settled
from roost_cloud.training.head.choosing import PENALTIES, choose_penalty
from roost_cloud.training.head.data import Data
from roost_cloud.training.head.objective import Examples, Weights, fit
from roost_cloud.training.head.self_training import pseudo_labelled
from roost_cloud.training.head.settings import HeadSettings
from roost_cloud.training.progress import Progress
from roost_shared.tflite.dense import DenseLayer

__all__ = ["Refitted", "prior_of", "refit"]

Floats = NDArray[np.float64]

_NEWCOMER: Final = 1e-3  # λ for a label the incumbent does not know: there is nothing to stay near


@dataclass(frozen=True)
class Refitted:
    """A head.

    Attributes:
        weights: (features + 1, labels), for scaled features.
        calibrated: how good the head is on examples left out, at the temperature that it is given.
        penalty: λ.
        wins: over the incumbent, on examples left out, by more than a standard error; if not, the weights are its.
        is_self_trained: unlabelled inputs are in it.
        self_training_gain: that they would bring, in nats; None: not measured.
        incumbent: how good that is on the labelled examples, at its own temperature.
        incumbent_logits: (examples, labels).
        logits: (examples, labels), of the refitted head with each example left out; the incumbent's, if that won.
    """

    weights: Weights
    calibrated: Calibrated
    penalty: float
    wins: bool
    is_self_trained: bool
    self_training_gain: float | None
    incumbent: Calibrated
    incumbent_logits: Floats
    logits: Floats


def prior_of(data: Data, last: DenseLayer, labels: int, progress: Progress) -> Weights:
    """W₀: the incumbent's weights, and for labels that it does not know such as fit with all others left as they are.

    Args:
        data: with features scaled.
        last: the incumbent's.
        labels: of the candidate.
        progress: asked at each step whether to go on.

    Raises:
        TrainingError: the loss is not finite.
        TrainingCancelledError: the run was cancelled.
    """
    known = last.bias.size
    prior: Weights = np.vstack([last.weights * data.scale, last.bias]).astype(np.float64)
    if labels == known:
        return prior
    # As likely as the least likely label, until examples say more.
    newcomers = np.zeros((prior.shape[0], labels - known))
    newcomers[-1] = (data.labelled.features @ prior).min(axis=1).mean()
    prior = np.hstack([prior, newcomers])
    alive = partial(progress.step, 0, 1, "fitting new labels")
    return fit(data.labelled, prior, _NEWCOMER, alive, free=np.arange(labels) >= known)


def refit(data: Data, prior: Weights, settings: HeadSettings, temperature: float, progress: Progress) -> Refitted:
    """Choose λ, fit, and see whether it was worth it.

    Args:
        data: what to learn from.
        prior: W₀.
        settings: what a person said.
        temperature: the incumbent's.
        progress: told of each piece of work.

    Raises:
        TrainingError: the loss is not finite.
        TrainingCancelledError: the run was cancelled.
    """
    examples, truth = data.labelled, data.labelled.truth
    penalties = PENALTIES if settings.penalty is None else (settings.penalty,)
    choice = choose_penalty(examples, data.judged, data.folds, prior, penalties, progress)
    before = examples.features @ prior
    incumbent = calibrate(before, truth, data.judged, temperature)
    logits, left_out, gain, is_self_trained = choice.logits, choice.found, None, False
    if settings.self_training == "measure" and len(data.unlabelled):
        taught = _self_trained_logits(data, prior, choice.penalty, progress)
        found = calibrate(taught, truth, data.judged, temperature)
        gain, is_self_trained = left_out.loss - found.loss, is_better(found, left_out, data.judged)
        logits, left_out = (taught, found) if is_self_trained else (logits, left_out)
    refitted = Refitted(
        weights=prior,
        calibrated=settled(before, truth, data.judged, temperature),
        penalty=choice.penalty,
        wins=False,
        is_self_trained=False,
        self_training_gain=gain,
        incumbent=at_temperature(before, truth, data.judged, temperature),
        incumbent_logits=before,
        logits=before,
    )
    if not is_better(left_out, incumbent, data.judged):
        return refitted
    alive = partial(progress.step, 0, 1, "fitting the head")
    weights = fit(examples, prior, choice.penalty, alive)
    if is_self_trained:
        weights = _self_trained(data, examples, prior, weights, choice.penalty, alive)
    return replace(
        refitted,
        weights=weights,
        calibrated=settled(logits, truth, data.judged, temperature),
        wins=True,
        is_self_trained=is_self_trained,
        logits=logits,
    )


def _self_trained_logits(data: Data, prior: Weights, penalty: float, progress: Progress) -> Floats:
    """Of each example, from a self-trained fit that had left it out."""
    logits = np.zeros((len(data.folds), prior.shape[1]))
    count = int(data.folds.max()) + 1
    for fold in range(count):
        alive = partial(progress.step, fold, count, "measuring self-training")
        alive()
        left_out = data.folds == fold
        part = data.labelled.part(~left_out)
        weights = fit(part, prior, penalty, alive)
        weights = _self_trained(data, part, prior, weights, penalty, alive)
        logits[left_out] = data.labelled.features[left_out] @ weights
    progress.step(count, count, "measuring self-training")
    return logits


def _self_trained(
    data: Data, examples: Examples, prior: Weights, weights: Weights, penalty: float, alive: Callable[[], None]
) -> Weights:
    taught = pseudo_labelled(examples, data.unlabelled, data.unlabelled_weight, weights)
    return fit(taught, prior, penalty, alive, start=weights)
