"""The trainer of whole small networks, by PyTorch."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from roost_cloud.training.candidate import Said, write_candidate
from roost_cloud.training.errors import TrainingError
from roost_cloud.training.head.calibration import Calibrated, calibrate
from roost_cloud.training.head.data import check_labels
from roost_cloud.training.job import TrainingJob, candidate_of, float_of, incumbent_of
from roost_cloud.training.process import peak_memory_bytes
from roost_cloud.training.progress import Progress
from roost_cloud.training.torch.album import Album, read_album
from roost_cloud.training.torch.converting import convert
from roost_cloud.training.torch.fitting import fit_network, logits_of
from roost_cloud.training.torch.library import load_torch
from roost_cloud.training.torch.network import Network, make_network
from roost_cloud.training.torch.settings import TorchSettings, read_settings
from roost_shared.bundle.errors import BundleError
from roost_shared.bundle.layout import Bundle, open_bundle
from roost_shared.bundle.manifest import Evaluation, StageName
from roost_shared.bundle.stage_files import load_stages
from roost_shared.outputs import softmax
from roost_shared.pipeline import Pipeline

__all__ = ["TorchTrainer"]

_VERSION: Final = "1"
_LEAST: Final = 100  # labelled pictures: with fewer, nothing is learnt from nothing
_CALIBRATED_BY: Final = 200  # pictures at most
_PROVEN: Final = 8  # pictures
_TOLERANCE: Final = 1e-4  # of a probability


class TorchTrainer:
    """Trains a whole network from nothing; its parameters are `TorchSettings`."""

    version = _VERSION

    def train(self, job: TrainingJob, folder: Path, progress: Progress) -> None:
        """Write the candidate; see `Trainer.train`."""
        began = time.process_time()
        settings = read_settings(job.parameters)
        torch = load_torch()
        try:
            incumbent = open_bundle(incumbent_of(folder))
        except (BundleError, OSError) as error:
            raise TrainingError(f"the incumbent cannot be opened: {error}") from error
        check_labels(job, incumbent.config.labels)
        album = read_album(job, incumbent, folder, progress)
        learnt = album.parts == "train"
        if int(learnt.sum()) < _LEAST:
            raise TrainingError(
                f"{int(learnt.sum())} labelled pictures are too few for a whole network: at least {_LEAST}, or the"
                " trainer `head`"
            )
        torch.manual_seed(job.seed)
        network = make_network(torch, album.picture, len(job.labels), settings)
        share = album.share[learnt] / album.share[learnt].sum()
        fit_network(
            torch, network, album.pictures[learnt], album.truth[learnt], share, settings, progress, seed=job.seed
        )
        _write(_Trained(torch, network, album, settings, job.labels), job, incumbent, folder, progress)
        progress.metric("cpu_s", time.process_time() - began)
        progress.metric("peak_memory_bytes", peak_memory_bytes())


class _Trained:
    """A network with what it was trained by, and how good it is on what it was not."""

    def __init__(
        self, torch: Any, network: Network, album: Album, settings: TorchSettings, labels: Sequence[str]
    ) -> None:
        self.labels = labels
        self.torch = torch
        self.network = network
        self.album = album
        self.settings = settings
        judged = album.parts == "validation"
        self.judged = judged if judged.any() else ~judged
        self.truth = album.truth[self.judged]
        self.logits = logits_of(torch, network, album.pictures[self.judged])

    def calibrated(self) -> Calibrated:
        share = self.album.share[self.judged]
        return calibrate(self.logits, self.truth, share / share.sum())


def _write(trained: _Trained, job: TrainingJob, incumbent: Bundle, folder: Path, progress: Progress) -> None:
    album, found = trained.album, trained.calibrated()
    hits = trained.logits.argmax(axis=1) == trained.truth
    accuracy = float(np.average(hits, weights=album.share[trained.judged]))
    progress.metric("loss.validation", found.loss)
    progress.metric("accuracy.validation", accuracy)
    progress.metric("temperature", found.temperature)
    progress.metric("calibration_error.after", found.calibration_error)
    progress.step(0, 1, "writing the bundle")
    files = convert(trained.network, album.tensor.shape, album.tensor.name, album.scale)
    _prove(trained, files)
    said = Said(
        temperature=found.temperature,
        evaluation=Evaluation(
            dataset="the validation part of its snapshot", samples=len(hits), accuracy=round(accuracy, 4)
        ),
        disagreement=_disagreement(trained, incumbent, progress),
        drift_reference=album.drift_reference(),
        readable=album.readable,
    )
    stages: dict[StageName, bytes] = {"base": files["base"], "head": files["head"]}
    if _wants_int8(incumbent, trained.settings):
        write_candidate(incumbent, {"tflite": stages}, said, job, float_of(folder))
        stages = _quantized(stages, trained)
    if any(stage.format == "onnx" for stage in incumbent.config.stages):
        progress.log("the incumbent has an ONNX twin, and the candidate none: this trainer writes tflite only")
    write_candidate(incumbent, {"tflite": stages}, said, job, candidate_of(folder))
    progress.step(1, 1, "writing the bundle")


def _prove(trained: _Trained, files: dict[str, bytes]) -> None:
    """See that the files compute what the network does.

    Raises:
        TrainingError: they do not: a fault of ours, or of the runtime.
    """
    shown = np.flatnonzero(trained.judged)[:_PROVEN]
    given = softmax(trained.logits[: len(shown)])
    with tempfile.TemporaryDirectory(prefix="roost-torch-") as folder:
        _, models = load_stages({"base": files["base"], "head": files["head"]}, Path(folder))
        for expected, tensor in zip(given, trained.album.tensors(shown), strict=True):
            values = [tensor[np.newaxis]]
            for model in models:
                values = model.run(values)
            deviation = float(np.abs(values[0][0] - expected).max())
            if not deviation <= _TOLERANCE:
                raise TrainingError(f"the converted network deviates from the trained one by {deviation:.2g}")


def _quantized(stages: dict[StageName, bytes], trained: _Trained) -> dict[StageName, bytes]:
    """The same in int8, each stage with ranges seen on what it is given."""
    from roost_shared.tflite.quantize import quantize_tflite  # noqa: PLC0415 - takes half a second to load

    album = trained.album
    chosen = np.arange(len(album.truth))[:: -(-len(album.truth) // _CALIBRATED_BY)]
    base = quantize_tflite(stages["base"], ([one[np.newaxis]] for one in album.tensors(chosen)))
    with trained.torch.no_grad():
        features = trained.network.base(trained.torch.from_numpy(album.pictures[chosen])).numpy()
    return {"base": base, "head": quantize_tflite(stages["head"], ([row[np.newaxis]] for row in features))}


def _wants_int8(incumbent: Bundle, settings: TorchSettings) -> bool:
    """As a person said, or if most of the incumbent's weights are a byte each: its first file says so."""
    if settings.numbers != "as-incumbent":
        return settings.numbers == "int8"
    from roost_shared.tflite.dense_reading import has_integer_weights  # noqa: PLC0415 - only where it is needed

    return any(
        stage.format == "tflite" and has_integer_weights(incumbent.stage_path(stage.name, "tflite").read_bytes())
        for stage in incumbent.config.stages
    )


def _disagreement(trained: _Trained, incumbent: Bundle, progress: Progress) -> float | None:
    """With the incumbent, on pictures of the new world; None: there are none."""
    album, pipeline = trained.album, Pipeline.load(incumbent)
    chosen = np.flatnonzero(album.is_new)
    if not len(chosen):
        return None
    said = logits_of(trained.torch, trained.network, album.pictures[chosen]).argmax(axis=1)
    differs = []
    for number, (place, label) in enumerate(zip(chosen.tolist(), said.tolist(), strict=True)):
        progress.step(number, len(chosen), "comparing with the incumbent")
        scored = pipeline.score(album.readable[place].path.read_bytes())
        differs.append(scored.label != trained.labels[label])
    return float(np.average(differs, weights=album.share[chosen]))
