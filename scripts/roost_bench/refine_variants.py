"""One draw of the bench `refine`: a base, an order of the new photos, a number of labels; each way to use them."""

import hashlib
import resource
import shutil
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from roost_cloud.training.head.anatomy import Anatomy, dissect
from roost_cloud.training.head.data import arrange, through
from roost_cloud.training.head.embedding import Embedded, embed
from roost_cloud.training.head.refit import prior_of, refit
from roost_cloud.training.head.settings import HeadSettings
from roost_cloud.training.job import (
    TrainingExample,
    TrainingJob,
    cache_of,
    candidate_of,
    incumbent_of,
    input_of,
    job_path,
)
from roost_cloud.training.lines import MetricLine, decode_line
from roost_shared.bundle.layout import open_bundle
from roost_shared.bundle.manifest import SoftmaxConfidence
from roost_shared.bundle.temperature import calibration_error
from scripts.roost_bench.refine_bases import BaseModel, Silent, fine_tune
from scripts.roost_bench.refine_world import LABELS, World, draw_new

__all__ = ["DRAWN", "Bench", "Figures", "Opened", "measure", "measure_process", "open_base"]

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Figures = dict[str, float]

DRAWN: Final = 50  # new photos that may be labelled; those behind them are the test
_PLAIN_WEIGHT: Final = 5.0  # of a new photo in plain logistic regression: there are many more old ones


@dataclass(frozen=True)
class Opened:
    """A base, taken apart, with what it makes of all photos."""

    base: BaseModel
    folder: Path
    anatomy: Anatomy
    embedded: Embedded
    temperature: float


@dataclass(frozen=True)
class Bench:
    """What is the same for all draws."""

    torch: Any
    world: World


def open_base(world: World, base: BaseModel, folder: Path) -> Opened:
    """Make a job's folder around a base, and embed all photos with it."""
    shutil.rmtree(folder, ignore_errors=True)
    input_of(folder, "").mkdir(parents=True)
    shutil.copytree(base.bundle, incumbent_of(folder))
    for photo in world.photos:
        input_of(folder, hashlib.sha256(photo.payload).hexdigest()).write_bytes(photo.payload)
    anatomy = dissect(open_bundle(incumbent_of(folder)))
    examples = [_example(world, place, "old", labelled=True) for place in range(len(world.photos))]
    confidence = anatomy.bundle.config.confidence
    temperature = confidence.temperature if isinstance(confidence, SoftmaxConfidence) else 1.0
    return Opened(base, folder, anatomy, embed(anatomy, examples, folder, Silent()), temperature)


def measure(bench: Bench, opened: Opened, split: int, labels: int) -> Figures:
    """Accuracy of each way on new and old photos that it has not seen, and the calibration of ours on the new."""
    world, order = bench.world, draw_new(bench.world, split)
    test_new, test_old = order[DRAWN:], opened.base.old.test
    figures: Figures = {}

    def note(name: str, logits: Floats, temperature: float | None = None) -> None:
        right = logits.argmax(axis=1) == world.truth
        figures[f"{name}_new"] = float(right[test_new].mean())
        figures[f"{name}_old"] = float(right[test_old].mean())
        if temperature is not None:
            figures[f"{name}_ece"] = calibration_error(logits[test_new], world.truth[test_new], temperature)

    layers = opened.anatomy.layers
    features = through(layers[:-1], _features(opened, world))
    note("none", features @ layers[-1].weights + layers[-1].bias, opened.temperature)
    note("plain", _plain(world, features, opened.base.old.reference, order[:labels]))
    for name, unlabelled in (("ours", order[:0]), ("self", order[labels:DRAWN])):
        job = _job(world, opened, order[:labels], unlabelled)
        data = arrange(job, opened.embedded, layers[:-1])
        prior = prior_of(data, layers[-1], len(LABELS), Silent())
        found = refit(data, prior, HeadSettings(), opened.temperature, Silent())
        rows = np.hstack([features / data.scale, np.ones((len(features), 1))])
        note(name, rows @ found.weights, found.calibrated.temperature)
        figures[f"{name}_wins"] = float(found.wins)
        figures[f"{name}_penalty"] = found.penalty
        figures[f"{name}_taught"] = float(found.is_self_trained)
    began = time.process_time()
    note("finetune", fine_tune(bench.torch, opened.base, world, order[:labels], split))
    return {**figures, "finetune_cpu_s": time.process_time() - began}


def measure_process(world: World, opened: Opened, split: int, labels: int) -> Figures:
    """CPU seconds and peak memory of the whole job in its own process, its cache empty."""
    order = draw_new(world, split)
    job = _job(world, opened, order[:labels], order[labels:DRAWN])
    for made in (cache_of(opened.folder), candidate_of(opened.folder)):
        shutil.rmtree(made, ignore_errors=True)
    job_path(opened.folder).write_bytes(msgspec.json.encode(job))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "roost_cloud.training", str(opened.folder)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = [decode_line(line) for line in done.stdout.splitlines()]
    metrics = {line.name: line.value or 0.0 for line in lines if isinstance(line, MetricLine)}
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": cpu_s, "peak_memory_bytes": metrics["peak_memory_bytes"]}


def _features(opened: Opened, world: World) -> Floats:
    named = [hashlib.sha256(photo.payload).hexdigest() for photo in world.photos]
    return np.stack([opened.embedded.features[name] for name in named]).astype(np.float64)


def _plain(world: World, features: Floats, old: Places, new: Places) -> Floats:
    """Logits by plain logistic regression on the same embeddings and labels, of scikit-learn's own strength."""
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - takes seconds to load
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - see above

    places = np.concatenate([old, new])
    weight = np.concatenate([np.ones(len(old)), np.full(len(new), _PLAIN_WEIGHT)])
    head = LogisticRegression(max_iter=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        head.fit(features[places], world.truth[places], weight)
    logits: Floats = np.full((len(features), len(LABELS)), -np.inf)
    logits[:, head.classes_] = head.decision_function(features)
    return logits


def _job(world: World, opened: Opened, labelled: Places, unlabelled: Places) -> TrainingJob:
    examples = [
        *(_example(world, place, "new", labelled=True) for place in labelled.tolist()),
        *(_example(world, place, "new", labelled=False) for place in unlabelled.tolist()),
        *(_example(world, place, "old", labelled=True) for place in opened.base.old.reference.tolist()),
    ]
    return TrainingJob(
        run="bench",
        task="meter",
        name="meter",
        version="refined",
        labels=LABELS,
        snapshot="sha256:" + "0" * 64,
        examples=tuple(examples),
    )


def _example(world: World, place: int, side: Literal["new", "old"], *, labelled: bool) -> TrainingExample:
    photo = world.photos[place]
    return TrainingExample(
        key=photo.path.name,
        sha256=hashlib.sha256(photo.payload).hexdigest(),
        media_type="image/jpeg",
        label=photo.label if labelled else None,
        world=side,
        part="train",
    )
