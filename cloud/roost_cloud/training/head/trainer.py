"""The default trainer: the base of the incumbent is kept, its head refitted with few labels."""

import time
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roost_cloud.training.candidate import Said, StageFiles, write_candidate
from roost_cloud.training.errors import TrainingError
from roost_cloud.training.head.anatomy import Anatomy, dissect
from roost_cloud.training.head.data import Data, arrange, check_labels
from roost_cloud.training.head.drift_reference import drift_reference
from roost_cloud.training.head.embedding import Embedded, embed
from roost_cloud.training.head.refit import Refitted, prior_of, refit
from roost_cloud.training.head.settings import HeadSettings, read_settings
from roost_cloud.training.head.writing import write_heads
from roost_cloud.training.job import TrainingJob, candidate_of, float_of, incumbent_of, input_of
from roost_cloud.training.process import peak_memory_bytes
from roost_cloud.training.progress import Progress
from roost_shared.bundle.errors import BundleError
from roost_shared.bundle.examples import Example
from roost_shared.bundle.layout import open_bundle
from roost_shared.bundle.manifest import Evaluation, SoftmaxConfidence, StageFormat
from roost_shared.tflite.dense import DenseLayer

__all__ = ["HeadTrainer"]

_VERSION: Final = "1"


class HeadTrainer:
    """Refits a head; its parameters are `HeadSettings`."""

    version = _VERSION

    def train(self, job: TrainingJob, folder: Path, progress: Progress) -> None:
        """Write the candidate; see `Trainer.train`."""
        began = time.process_time()
        settings = read_settings(job.parameters)
        try:
            anatomy = dissect(open_bundle(incumbent_of(folder)))
        except (BundleError, OSError) as error:
            raise TrainingError(f"the incumbent cannot be opened: {error}") from error
        check_labels(job, anatomy.bundle.config.labels)
        embedded = embed(anatomy, job.examples, folder, progress)
        data = arrange(job, embedded, anatomy.layers[:-1])
        prior = prior_of(data, anatomy.layers[-1], len(job.labels), progress)
        confidence = anatomy.bundle.config.confidence
        temperature = confidence.temperature if isinstance(confidence, SoftmaxConfidence) else 1.0
        found = refit(data, prior, settings, temperature, progress)
        _tell(found, data, progress)
        _write(_Work(job, folder, anatomy, embedded, data, settings), prior, found, progress)
        progress.metric("cpu_s", time.process_time() - began)
        progress.metric("peak_memory_bytes", peak_memory_bytes())


class _Work:
    """A job with what was made of it so far."""

    def __init__(
        self,
        job: TrainingJob,
        folder: Path,
        anatomy: Anatomy,
        embedded: Embedded,
        data: Data,
        settings: HeadSettings,
    ) -> None:
        self.job = job
        self.folder = folder
        self.anatomy = anatomy
        self.embedded = embedded
        self.data = data
        self.is_quantized = anatomy.is_quantized if settings.head == "as-incumbent" else settings.head == "int8"
        self.has_twin = "onnx" in anatomy.bases if settings.onnx is None else settings.onnx


def _tell(found: Refitted, data: Data, progress: Progress) -> None:
    """Record what was measured on examples left out."""
    progress.metric("penalty", found.penalty)
    progress.metric("loss.incumbent", found.incumbent.loss)
    progress.metric("loss.left_out", found.calibrated.loss)
    progress.metric("temperature", found.calibrated.temperature)
    progress.metric("calibration_error.before", found.incumbent.calibration_error)
    progress.metric("calibration_error.after", found.calibrated.calibration_error)
    for name, mask in (("new", data.is_new), ("old", ~data.is_new)):
        if mask.any():
            progress.metric(f"accuracy.{name}.incumbent", _accuracy(found.incumbent_logits, data, mask))
            progress.metric(f"accuracy.{name}", _accuracy(found.logits, data, mask))
    if found.self_training_gain is not None:
        progress.metric("self_training.gain", found.self_training_gain)
        used = "is used" if found.is_self_trained else "is left out: it does not help for certain"
        progress.log(f"self-training on {len(data.unlabelled)} unlabelled inputs {used}")
    if not found.wins:
        progress.log("no refitted head reads left-out examples better than the incumbent: its weights stay")


def _accuracy(logits: NDArray[np.float64], data: Data, mask: NDArray[np.bool_]) -> float:
    hits = logits[mask].argmax(axis=1) == data.labelled.truth[mask]
    return float(np.average(hits, weights=data.judged[mask]))


def _write(work: _Work, prior: NDArray[np.float64], found: Refitted, progress: Progress) -> None:
    layers = [*work.anatomy.layers[:-1], _layer(found.weights, work.data.scale)]
    progress.step(0, 2, "writing the bundle")
    rows = np.stack([work.embedded.features[name] for name in sorted(work.embedded.features)])
    heads = write_heads(work.anatomy, layers, rows, quantized=work.is_quantized, twin=work.has_twin)
    if work.has_twin and heads.twin is None and "tflite" in work.anatomy.bases:
        progress.log("the incumbent has no ONNX base, so the candidate has no twin")
    said = _said(work, prior, found)
    bundle, bases = work.anatomy.bundle, work.anatomy.bases
    first: StageFormat = next(iter(bases))
    if heads.quantized is not None:
        files: StageFiles = {first: {"base": bases[first], "head": heads.real}}
        write_candidate(bundle, files, said, work.job, float_of(work.folder))
    progress.step(1, 2, "writing the bundle")
    head = heads.real if heads.quantized is None else heads.quantized
    files = {first: {"base": bases[first], "head": head}}
    if heads.twin is not None:
        files = {**files, "onnx": {"base": bases["onnx"], "head": heads.twin}}
    write_candidate(bundle, files, said, work.job, candidate_of(work.folder))
    progress.step(2, 2, "writing the bundle")


def _said(work: _Work, prior: NDArray[np.float64], found: Refitted) -> Said:
    data = work.data
    rows, weights = data.of_new
    differs = (rows @ prior).argmax(axis=1) != (rows @ found.weights).argmax(axis=1)
    of_new = {example.sha256 for example in work.job.examples if example.world == "new"}
    phi = (work.embedded.phi[name] for name in sorted(of_new) if name in work.embedded.phi)
    return Said(
        temperature=found.calibrated.temperature,
        evaluation=Evaluation(
            dataset="labelled inputs of the changed world, each left out of the fit that read it",
            samples=int(data.is_new.sum()),
            accuracy=round(_accuracy(found.logits, data, data.is_new), 4),
        ),
        disagreement=float(np.average(differs, weights=weights)),
        drift_reference=drift_reference(work.anatomy.base.choose_phi(), phi),
        readable=[
            Example(example.label, input_of(work.folder, example.sha256))
            for example in work.job.examples
            if example.label is not None and example.sha256 not in work.embedded.unread
        ],
    )


def _layer(weights: NDArray[np.float64], scale: float) -> DenseLayer:
    return DenseLayer(weights[:-1] / scale, weights[-1], "softmax")
