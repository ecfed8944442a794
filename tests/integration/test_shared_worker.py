"""Contestants on one base in one worker process, in peace."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from roost_shared.bundle import open_bundle
from roost_shared.phi import TENSOR
from roost_shared.phi.vector import PhiVector
from roost_shared.pipeline import OtherBaseError, Pipeline
from tests.support.split_bundles import LABELS, ROTATED, split_bundle
from tests.support.worker_rig import ARRAY, WorkerRig, argmax_bundle


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundles")


@pytest.fixture(scope="module")
def primary(folder: Path) -> Path:
    return split_bundle(folder / "primary")


@pytest.fixture(scope="module")
def shadow(folder: Path) -> Path:
    return split_bundle(folder / "shadow", version="2", labels=ROTATED)


@pytest.fixture
def rig(primary: Path, shadow: Path) -> Iterator[WorkerRig]:
    with WorkerRig(primary, {"shadow": shadow, "old": primary}) as rig:
        rig.until_ready()
        yield rig


def test_every_contestant_scores_every_job_and_the_one_that_answers_comes_first(rig: WorkerRig) -> None:
    for key in range(5):
        rig.submit(key)
        rig.until_ended(key)
    assert [name for _, name, _ in rig.heard] == ["primary", "shadow", "old"] * 5
    assert rig.labels("primary") == rig.labels("old") == dict.fromkeys(range(5), "two")
    assert rig.labels("shadow") == dict.fromkeys(range(5), "one")


def test_they_share_one_process_and_each_has_its_own_account(rig: WorkerRig) -> None:
    rig.submit("a")
    rig.submit("b", contestants=("primary", "old"))
    rig.until_ended("a", "b")
    assert {rig.stats(name).pid for name in rig.contestants} == {rig.pid}
    assert rig.stats("shadow").shares_base_with == ("primary", "old")
    assert [rig.stats(name).served for name in rig.contestants] == [2, 1, 2]
    bundle = rig.stats("shadow").bundle
    assert bundle is not None
    assert bundle.startswith("argmax:2@")
    assert "test/primary+shadow+old" in psutil.Process(rig.pid).cmdline()


def test_what_is_asked_to_measure_tells_phi_of_an_input_once_for_all_on_the_base(primary: Path, shadow: Path) -> None:
    with WorkerRig(primary, {"shadow": shadow}, measures=True) as rig:
        rig.until_ready()
        rig.submit("a")
        rig.until_ended("a")
        rig.until(lambda: rig.measured, "the first input is measured")
        ((contestants, phi),) = rig.measured
        assert contestants == ("primary", "shadow")
        assert isinstance(phi, PhiVector)
        assert phi.kind == TENSOR.number
        assert phi.values[:5] == pytest.approx([3.0, 18**0.5, 0.0, 0.0, 9.0])


def test_what_is_not_asked_to_measures_nothing(rig: WorkerRig) -> None:
    rig.submit(*range(20))
    rig.until_ended(*range(20))
    assert rig.measured == []


def test_with_many_jobs_waiting_each_still_ends_once_for_each(rig: WorkerRig) -> None:
    rig.submit(*range(200))
    rig.until_ended(*range(200))
    assert list(rig.labels()) == list(range(200)), "what answers is neither lost nor overtaken"
    assert set(rig.codes("shadow").values()) <= {"worker.overloaded"}


def test_a_backlog_is_scored_by_everyone(rig: WorkerRig) -> None:
    rig.submit(*range(50), backlog=True)
    rig.until_ended(*range(50))
    assert len(rig.labels("shadow")) == 50


def test_a_bad_input_fails_for_everyone_by_its_own_code(rig: WorkerRig) -> None:
    rig.submit("bad", payload=b"[1, 2]")
    rig.until_ended("bad")
    assert {code for name in rig.contestants for code in rig.codes(name).values()} == {"input.wrong_shape"}


def test_stopping_finishes_what_every_head_owes(primary: Path, shadow: Path) -> None:
    with WorkerRig(primary, {"shadow": shadow}) as rig:
        rig.until_ready()
        rig.submit(*range(10))
        rig.worker.stop(rig.reactor.now_ns() + 10_000_000_000)
        rig.until(lambda: rig.state == "stopped", "stopped")
        assert len(rig.labels("shadow")) == 10


def test_a_shared_base_gives_each_head_what_it_had_alone(primary: Path, shadow: Path) -> None:
    alone = [Pipeline.load(open_bundle(folder)) for folder in (primary, shadow)]
    first = Pipeline.load(open_bundle(primary))
    second = Pipeline.load(open_bundle(shadow), base=first.base)
    assert second.base is first.base
    second.check_golden()
    features = first.base.features(ARRAY)
    assert [one.head.score(features) for one in (first, second)] == [one.score(ARRAY) for one in alone]


def test_another_base_is_not_shared(primary: Path, tmp_path: Path) -> None:
    base = Pipeline.load(open_bundle(primary)).base
    for other in (split_bundle(tmp_path / "other", base_gain=2), argmax_bundle(tmp_path / "whole")):
        with pytest.raises(OtherBaseError):
            Pipeline.load(open_bundle(other), base=base)
    whole = Pipeline.load(open_bundle(tmp_path / "whole"))
    with pytest.raises(OtherBaseError):
        Pipeline.load(open_bundle(tmp_path / "whole"), base=whole.base)
    assert whole.score(ARRAY).label == LABELS[2]
