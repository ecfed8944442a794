"""A bundle loaded by a scorer: by the runtime that reproduces it, in batches where they give the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roost_cloud.scorer.asked import Asked
from roost_cloud.scorer.engine import Engine, load_engine
from roost_cloud.scorer.fair_queue import Job, Lane
from roost_cloud.tasks.resolution import ContestantKey
from roost_shared.bundle import Bundle
from roost_shared.bundle.build import build_bundle
from roost_shared.errors import RoostError
from roost_shared.onnx.dense import write_dense_onnx
from roost_shared.pipeline import Features, Pipeline
from roost_shared.questions import Question
from roost_shared.runtime_settings import RuntimeSettings
from roost_shared.runtimes.onnx import OnnxModel
from roost_shared.scored import Scored
from tests.support.bundles import npy
from tests.support.tiny_bundle import COLOURS, colour_model, tiny_bundle


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("twins") / "bundle"
    onnx = colour_model(write=write_dense_onnx)
    built = build_bundle(
        {"model": colour_model()}, folder, onnx={"model": onnx}, name="colours", version="1", labels=COLOURS
    )
    return built.bundle


def colour(index: int) -> bytes:
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[..., index] = 255
    return npy(pixels)


def job(payload: bytes) -> Job:
    question = Question(id="q", contestants=["big"], remaining_ms=1, payload=payload)
    return Job(Asked("acme", "cam", "t", question, 0, 1, ""), Lane(ContestantKey("acme", "t", "big"), bulky=False))


def prepared(engine: Engine, *payloads: bytes) -> list[Features]:
    found = [engine.prepare(job(payload)) for payload in payloads]
    return [features for features in found if not isinstance(features, RoostError)]


def test_a_batch_says_of_each_what_it_says_of_it_alone(twins: Bundle) -> None:
    engine = load_engine(twins, 3)
    assert engine.at_once == 3, "ONNX Runtime runs it, though LiteRT comes first in the bundle"
    features = prepared(engine, *(colour(index) for index in (2, 0, 1, 2)))
    together = engine.run(features)
    assert [one.label for one in together if isinstance(one, Scored)] == ["blue", "red", "green", "blue"]
    alone = Pipeline.load(twins, RuntimeSettings(name="litert"))
    for outcome, index in zip(together, (2, 0, 1, 2), strict=True):
        assert isinstance(outcome, Scored)
        assert outcome.confidence == pytest.approx(alone.score(colour(index)).confidence, abs=1e-5)


def test_a_bundle_without_a_twin_runs_by_litert_one_after_another(tmp_path: Path) -> None:
    engine = load_engine(tiny_bundle(tmp_path / "plain"), 3)
    assert engine.at_once == 1
    found = engine.run(prepared(engine, colour(0), colour(1)))
    assert [one.label for one in found if isinstance(one, Scored)] == ["red", "green"]


def test_an_input_that_cannot_be_read_says_why(twins: Bundle) -> None:
    found = load_engine(twins, 1).prepare(job(b"nothing"))
    assert isinstance(found, RoostError)
    assert found.code == "input.unknown_type"


def test_a_twin_that_does_not_reproduce_the_golden_vectors_is_left_aside(
    twins: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = OnnxModel.run
    monkeypatch.setattr(OnnxModel, "run", lambda self, inputs: [tensor[:, ::-1] for tensor in run(self, inputs)])
    engine = load_engine(twins, 3)
    assert engine.at_once == 1, "LiteRT runs it"
    (score,) = engine.run(prepared(engine, colour(0)))
    assert isinstance(score, Scored)
    assert score.label == "red"


def test_a_graph_that_mixes_up_its_batch_runs_one_after_another(
    twins: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = OnnxModel.run

    def mixing(self: OnnxModel, inputs: Any) -> Any:
        return [tensor / len(tensor) for tensor in run(self, inputs)]

    monkeypatch.setattr(OnnxModel, "run", mixing)
    engine = load_engine(twins, 3)
    found = engine.run(prepared(engine, colour(0), colour(1)))
    assert [one.label for one in found if isinstance(one, Scored)] == ["red", "green"]
    assert all(one.confidence is not None and one.confidence > 0.9 for one in found if isinstance(one, Scored))


def test_one_input_that_gives_nonsense_costs_the_others_nothing(
    twins: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = load_engine(twins, 3)
    run = OnnxModel.run

    def spoiling(self: OnnxModel, inputs: Any) -> Any:
        (tensor,) = run(self, inputs)
        tensor[0, 0] = np.nan
        return [tensor]

    monkeypatch.setattr(OnnxModel, "run", spoiling)
    bad, good = engine.run(prepared(engine, colour(0), colour(1)))
    assert isinstance(bad, RoostError)
    assert bad.code == "model.bad_output"
    assert isinstance(good, Scored)
    assert good.label == "green"


def test_what_turns_out_slow_is_quick_no_more_for_a_while(twins: Bundle) -> None:
    engine = load_engine(twins, 1)
    engine.expected_ns = 1_000_000
    assert engine.is_quick(0)
    engine.took(30_000_000, 1, now_ns=0)
    assert not engine.is_quick(1)
    engine.expected_ns = 1_000_000
    assert not engine.is_quick(59_000_000_000)
    assert engine.is_quick(61_000_000_000)
