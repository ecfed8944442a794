import hashlib
import io
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from roost_cloud.training.errors import TrainingError
from roost_cloud.training.job import TrainingExample, TrainingJob, candidate_of, float_of, incumbent_of, input_of
from roost_cloud.training.progress import TrainingCancelledError
from roost_cloud.training.torch import TorchTrainer
from roost_shared.bundle import open_bundle
from roost_shared.pipeline import Pipeline
from tests.support.tiny_bundle import COLOURS, tiny_bundle
from tests.support.training_jobs import Told

SMALL: dict[str, Any] = {"channels": (8, 8), "features": 16, "epochs": 6, "learning_rate": 0.01}


def picture(colour: int, random: np.random.Generator) -> bytes:
    """A patch of one colour on a grey ground, somewhere."""
    pixels = random.integers(60, 120, (4, 4, 3))
    row, column = random.integers(0, 3, 2)
    pixels[row : row + 2, column : column + 2, colour] += 130
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def colours(number: int, seed: int) -> list[tuple[bytes, int]]:
    random = np.random.default_rng(seed)
    return [(picture(place % 3, random), place % 3) for place in range(number)]


def write_job(folder: Path, number: int = 150, **parameters: Any) -> TrainingJob:
    tiny_bundle(incumbent_of(folder))
    examples = []
    (folder / "inputs").mkdir()
    for place, (payload, colour) in enumerate(colours(number, seed=1)):
        sha256 = hashlib.sha256(payload).hexdigest()
        input_of(folder, sha256).write_bytes(payload)
        world, part = ("new" if place % 2 else "old"), ("validation" if place % 5 == 0 else "train")
        fields: dict[str, Any] = {"key": str(place), "sha256": sha256, "media_type": "image/png", "world": world}
        examples.append(TrainingExample(label=COLOURS[colour], part=part, **fields))  # type: ignore[arg-type]  # as said
    named: dict[str, Any] = {"run": "run-1", "task": "colours", "name": "colours", "version": "2", "trainer": "torch"}
    labels, snapshot = tuple(COLOURS), "sha256:" + "0" * 64
    return TrainingJob(**named, labels=labels, snapshot=snapshot, parameters=parameters, examples=tuple(examples))


def test_without_torch_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(TrainingError, match="train-torch"):
        TorchTrainer().train(write_job(tmp_path), tmp_path, Told())


def test_a_network_becomes_a_bundle_in_float_and_int8_the_same_each_time(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch (extra train-torch) is not installed")
    job, told = write_job(tmp_path, **SMALL, numbers="int8"), Told()
    TorchTrainer().train(job, tmp_path, told)
    candidate, real = open_bundle(candidate_of(tmp_path)), open_bundle(float_of(tmp_path))
    for bundle in (candidate, real):
        pipeline = Pipeline.load(bundle)
        pipeline.check_golden()
        tested = colours(90, seed=2)
        assert np.mean([pipeline.score(payload).label == COLOURS[colour] for payload, colour in tested]) > 0.85
    assert [stage.name for stage in candidate.config.stages] == ["base", "head"]
    assert candidate.config.evaluation is not None
    assert candidate.config.evaluation.accuracy == pytest.approx(told.metrics["accuracy.validation"], abs=1e-4)
    assert candidate.config.drift_reference is not None
    assert candidate.config.drift_reference["phi"] == "image"
    shutil.rmtree(candidate_of(tmp_path))
    shutil.rmtree(float_of(tmp_path))
    TorchTrainer().train(job, tmp_path, Told())
    assert open_bundle(candidate_of(tmp_path)).digest == candidate.digest


def test_it_can_be_cancelled_and_refuses_too_few_pictures(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch (extra train-torch) is not installed")
    (tmp_path / "cancelled").mkdir()
    with pytest.raises(TrainingCancelledError):
        TorchTrainer().train(write_job(tmp_path / "cancelled", **SMALL), tmp_path / "cancelled", Told(cancel_at=155))
    assert not candidate_of(tmp_path / "cancelled").exists()
    (tmp_path / "few").mkdir()
    with pytest.raises(TrainingError, match="too few"):
        TorchTrainer().train(write_job(tmp_path / "few", 50), tmp_path / "few", Told())
