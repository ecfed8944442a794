"""A trainer by somebody else: scikit-learn fits a whole small network, to old and new examples alike.

A job's folder is all that it gets (`roost_cloud.training.job`), and a bundle in `candidate/` all that it gives.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from roost_cloud.training.candidate import Said, write_candidate
from roost_cloud.training.errors import TrainingError
from roost_cloud.training.job import TrainingExample, TrainingJob, candidate_of, incumbent_of, input_of
from roost_cloud.training.progress import Progress
from roost_shared.bundle import Bundle, open_bundle
from roost_shared.bundle.examples import Example
from roost_shared.bundle.manifest import Evaluation
from roost_shared.limits import InputLimits
from roost_shared.payload import open_payload
from roost_shared.pipeline import Pipeline
from roost_shared.preprocess import Preprocessor
from roost_shared.tflite.dense import DenseLayer, write_dense

ROUNDS: Final = 20
LEAST: Final = 20  # examples to fit a network to


class WholeNetworkTrainer:
    """Fits a network with one hidden layer; the parameter `hidden` says how wide it is."""

    version = "1.0"

    def train(self, job: TrainingJob, folder: Path, progress: Progress) -> None:
        """Write the candidate; see `roost_cloud.training.trainer.Trainer`."""
        incumbent = open_bundle(incumbent_of(folder))
        labelled = [one for one in job.examples if one.label is not None]
        learnt = [one for one in labelled if one.part == "train"]
        judged = [one for one in labelled if one.part == "validation"]
        if len(learnt) < LEAST or not judged:
            raise TrainingError(
                f"{len(labelled)} labelled examples are too few: at least {LEAST}, and some to choose by"
            )

        network = MLPClassifier(
            (int(job.parameters.get("hidden", 16)),),
            solver="lbfgs",
            alpha=0.1,
            max_iter=10,
            warm_start=True,
            random_state=job.seed,
        )
        seen, truth = tensors(learnt, incumbent, folder), places(learnt, job)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the next round goes on
            for done in range(ROUNDS):
                progress.step(done, ROUNDS, "fitting")  # hears, too, that the run was cancelled
                network.fit(seen.reshape(len(seen), -1), truth)
        if len(network.classes_) < len(job.labels):
            raise TrainingError(f"there are examples of {len(network.classes_)} of {len(job.labels)} labels only")

        said = network.predict(tensors(judged, incumbent, folder).reshape(len(judged), -1))
        accuracy = float(np.mean(said == places(judged, job)))
        progress.metric("accuracy.validation", accuracy)
        write_candidate(
            incumbent,
            {"tflite": {"model": converted(network, incumbent)}},
            Said(
                temperature=1.0,
                evaluation=Evaluation(dataset="validation part", samples=len(judged), accuracy=round(accuracy, 4)),
                disagreement=disagreement(said, judged, incumbent, folder, job),
                drift_reference=None,
                readable=[Example(str(one.label), input_of(folder, one.sha256)) for one in judged],
            ),
            job,
            candidate_of(folder),
        )


def tensors(examples: Sequence[TrainingExample], incumbent: Bundle, folder: Path) -> NDArray[np.float32]:
    """What the incumbent's model sees of inputs, and the candidate's will: (examples, …)."""
    config = incumbent.config
    prepare = Preprocessor(config.preprocessing, config.stages[0].inputs)
    payloads = (input_of(folder, one.sha256).read_bytes() for one in examples)
    return np.concatenate([prepare(open_payload(payload, limits=InputLimits()), {})[0] for payload in payloads])


def places(examples: Sequence[TrainingExample], job: TrainingJob) -> NDArray[np.intp]:
    """Labels, as the model's outputs number them."""
    return np.array([job.labels.index(str(one.label)) for one in examples])


def converted(network: MLPClassifier, incumbent: Bundle) -> bytes:
    """The network as a .tflite file that takes what the incumbent takes."""
    tensor = incumbent.config.stages[0].inputs[0]
    (hidden, last), (hidden_bias, last_bias) = network.coefs_, network.intercepts_
    layers = [DenseLayer(hidden, hidden_bias, "relu"), DenseLayer(last, last_bias, "softmax")]
    return write_dense(layers, input_shape=tensor.shape, input_name=tensor.name)


def disagreement(
    said: NDArray[Any], examples: Sequence[TrainingExample], incumbent: Bundle, folder: Path, job: TrainingJob
) -> float | None:
    """On what share of the new world's examples the candidate contradicts the incumbent: a rollout expects that."""
    pipeline = Pipeline.load(incumbent)
    newer = [(one, job.labels[place]) for one, place in zip(examples, said, strict=True) if one.world == "new"]
    differs = [pipeline.score(input_of(folder, one.sha256).read_bytes()).label != label for one, label in newer]
    return float(np.mean(differs)) if differs else None
