"""A job's examples as arrays: features, labels, weights, and in which fold each is left out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roost_cloud.training.errors import TrainingError
from roost_cloud.training.head.choosing import folds_of
from roost_cloud.training.head.embedding import Embedded
from roost_cloud.training.head.objective import Examples, Weights, shares
from roost_cloud.training.job import TrainingExample, TrainingJob
from roost_shared.tflite.dense import DenseLayer

__all__ = ["Data", "arrange", "check_labels", "through"]

Floats = NDArray[np.float64]

_FOLDS = 10


@dataclass(frozen=True)
class Data:
    """What there is to learn from.

    Attributes:
        scale: by which features were divided.
        labelled: all labelled examples, balanced.
        judged: (examples,), of what part of the loss each is where it is left out: not balanced, as the world is.
        is_new: (examples,), of the new world.
        folds: (examples,), in which fold each is left out.
        unlabelled: (inputs, features + 1), of the new world.
        unlabelled_weight: (inputs,), how many inputs each stands for.
    """

    scale: float
    labelled: Examples
    judged: Floats
    is_new: NDArray[np.bool_]
    folds: NDArray[np.intp]
    unlabelled: Floats
    unlabelled_weight: Floats

    @property
    def of_new(self) -> tuple[Floats, Floats]:
        """Features of all inputs of the new world, and their weights."""
        labelled = self.labelled.features[self.is_new], self.judged[self.is_new] / self.judged[self.is_new].sum()
        labelled_weight = labelled[1] * max(int(self.is_new.sum()), 1)
        return np.vstack([labelled[0], self.unlabelled]), np.append(labelled_weight, self.unlabelled_weight)


def check_labels(job: TrainingJob, known: Sequence[str]) -> None:
    """See that a job's labels are the incumbent's, then new ones, and that its examples have no others.

    Raises:
        TrainingError: they are not.
    """
    if job.labels[: len(known)] != tuple(known) or len(set(job.labels)) != len(job.labels):
        raise TrainingError(
            f"the job's labels, {', '.join(job.labels)}, are not the incumbent's, {', '.join(known)}, and new ones"
        )
    strange = {example.label for example in job.examples} - {None, *job.labels}
    if strange:
        raise TrainingError(
            f"examples are labelled {', '.join(sorted(map(str, strange)))}, which the job does not name"
        )
    shown = {example.label for example in job.examples}
    unseen = [label for label in job.labels[len(known) :] if label not in shown]
    if unseen:
        raise TrainingError(f"no example shows the new label {', '.join(unseen)}")


def arrange(job: TrainingJob, embedded: Embedded, layers: Sequence[DenseLayer]) -> Data:
    """The arrays.

    Args:
        job: whose examples.
        embedded: what the base made of their inputs.
        layers: the head's before its last.

    Raises:
        TrainingError: nothing of the new world is labelled.
    """
    usable = [example for example in job.examples if example.sha256 not in embedded.unread]
    labelled = [example for example in usable if example.label is not None]
    unlabelled = [example for example in usable if example.label is None and example.world == "new"]
    is_new = np.array([example.world == "new" for example in labelled], bool)
    if not is_new.any():
        raise TrainingError("nothing of the new world is labelled, so there is nothing to learn")
    features = through(layers, _stack(labelled, embedded))
    scale = float(np.sqrt((features**2).sum(axis=1).mean())) or 1.0
    truth = np.array([job.labels.index(str(example.label)) for example in labelled], np.intp)
    weight = np.array([example.weight for example in labelled])
    rows = through(layers, _stack(unlabelled, embedded)) if unlabelled else np.zeros((0, features.shape[1]))
    return Data(
        scale=scale,
        labelled=Examples(_with_one(features / scale), truth, shares(weight, is_new, truth)),
        judged=shares(weight, is_new),
        is_new=is_new,
        folds=_folds(labelled, is_new, job.seed),
        unlabelled=_with_one(rows / scale),
        unlabelled_weight=np.array([example.weight for example in unlabelled]),
    )


def through(layers: Sequence[DenseLayer], rows: Floats) -> Floats:
    """What layers make of features (inputs, features)."""
    for layer in layers:
        rows = rows @ layer.weights + layer.bias
        rows = np.maximum(rows, 0) if layer.activation == "relu" else rows
    return rows


def _stack(examples: Sequence[TrainingExample], embedded: Embedded) -> Floats:
    return np.stack([embedded.features[example.sha256] for example in examples]).astype(np.float64)


def _with_one(rows: Floats) -> Weights:
    return np.hstack([rows, np.ones((len(rows), 1))])


def _folds(examples: Sequence[TrainingExample], is_new: NDArray[np.bool_], seed: int) -> NDArray[np.intp]:
    """Each world's apart; by device, where there are at least two, else by the input's bytes."""
    folds = np.zeros(len(examples), np.intp)
    for mask in (is_new, ~is_new):
        part = [example for example, chosen in zip(examples, mask, strict=True) if chosen]
        by_device = len({example.device for example in part}) > 1 and all(example.device for example in part)
        folds[mask] = folds_of([one.device if by_device else one.sha256 for one in part], seed, _FOLDS) if part else 0
    return folds
