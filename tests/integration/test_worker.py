"""A real worker process with a real bundle, in peace."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from roost_shared.bundle.build import build_bundle
from roost_shared.clock import SECOND
from roost_shared.limits import InputLimits
from roost_shared.tflite.dense import DenseLayer, write_dense
from tests.support.worker_rig import WorkerRig, argmax_bundle

pytestmark = pytest.mark.filterwarnings("default::ResourceWarning")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return argmax_bundle(tmp_path_factory.mktemp("bundles") / "argmax-1")


@pytest.fixture
def rig(bundle: Path) -> Iterator[WorkerRig]:
    with WorkerRig(bundle) as rig:
        rig.until_ready()
        yield rig


def test_jobs_come_back_scored_in_the_order_they_came(rig: WorkerRig) -> None:
    for largest in range(3):
        rig.submit(largest, payload=json.dumps([9.0 if place == largest else 0 for place in range(3)]).encode())
    rig.until_ended(0, 1, 2)
    assert [(key, scored.label) for key, scored in rig.scores] == [(0, "zero"), (1, "one"), (2, "two")]


def test_it_says_what_it_serves_and_how_it_fares(rig: WorkerRig) -> None:
    rig.submit("a")
    rig.until_ended("a")
    stats = rig.stats()
    assert stats.state == "ready"
    assert stats.bundle is not None
    assert stats.bundle.startswith("argmax:1@sha256:")
    assert (stats.served, stats.restarts, stats.faults, stats.waiting) == (1, 0, 0, 0)
    assert stats.p99_ms is not None
    assert stats.last_error is None
    assert rig.worker.unavailable("primary") is None


@pytest.mark.parametrize(
    "payload", [b"", b"\xff\xd8\xff\xe0 cut", b"[1, 2]", b"[NaN, 1, 2]", b'["\xff"]', b"\0" * 100]
)
def test_an_input_that_cannot_be_scored_fails_by_its_own_code_and_nothing_else_happens(
    rig: WorkerRig, payload: bytes
) -> None:
    rig.submit("bad", payload=payload)
    rig.submit("good")
    rig.until_ended("bad", "good")
    assert rig.codes()["bad"].startswith("input.")
    assert rig.labels() == {"good": "two"}
    assert rig.stats().restarts == 0


def test_limits_reach_the_worker(bundle: Path) -> None:
    with WorkerRig(bundle, limits=InputLimits(payload_bytes=5)) as rig:
        rig.until_ready()
        rig.submit("long")
        rig.until_ended("long")
        assert rig.codes() == {"long": "input.too_large"}


def test_external_state_reaches_the_model(tmp_path: Path) -> None:
    adds_state = DenseLayer(np.array([[1, 0], [0, 1], [5, 0]]), np.zeros(2), "softmax")
    model = write_dense([adds_state], input_shape=(1, 2), state={"level": 1})
    build_bundle({"model": model}, tmp_path / "b", name="state", version="1", labels=["left", "right"])
    with WorkerRig(tmp_path / "b") as rig:
        rig.until_ready()
        rig.submit("low", payload=b"[0, 1]", inject={"level": 0})
        rig.submit("high", payload=b"[0, 1]", inject={"level": 1})
        rig.submit("none", payload=b"[0, 1]")
        rig.until_ended("low", "high", "none")
        assert rig.labels() == {"low": "right", "high": "left"}
        assert rig.codes()["none"].startswith("input.")


@pytest.mark.parametrize("value", ["y" * 70_000, 2**80], ids=["long", "big"])
def test_external_state_that_cannot_travel_fails_its_job_only(rig: WorkerRig, value: object) -> None:
    rig.submit("odd", inject={"x": value})
    rig.submit("good")
    rig.until_ended("odd", "good")
    assert rig.codes() == {"odd": "worker.unsendable"}


def test_an_output_too_large_to_travel_fails_its_job_only(tmp_path: Path) -> None:
    model = write_dense([DenseLayer(np.ones((1, 20_000)), np.full(20_000, 0.1))], input_shape=(1, 1))
    build_bundle({"model": model}, tmp_path / "b", name="wide", version="1")
    with WorkerRig(tmp_path / "b") as rig:
        rig.until_ready()
        rig.submit("wide", payload=b"[1]")
        rig.until_ended("wide")
        assert rig.codes() == {"wide": "worker.unsendable"}
        assert rig.state == "ready"


def test_live_jobs_overtake_backlog_that_has_not_begun(rig: WorkerRig) -> None:
    rig.submit("b1", "b2", "b3", backlog=True)
    rig.submit("l1", "l2")
    rig.until_ended("b1", "b2", "b3", "l1", "l2")
    assert rig.ended == ["b1", "l1", "l2", "b2", "b3"]


def test_a_full_queue_refuses_and_nothing_is_lost(bundle: Path) -> None:
    with WorkerRig(bundle, queue_jobs=2) as rig:
        rig.until_ready()
        rig.submit(*range(10))
        assert rig.ended == [], "the listener is never called from inside submit"
        rig.until_ended(*range(10))
        assert list(rig.labels()) == [0, 1, 2, 3]
        assert set(rig.codes().values()) == {"worker.overloaded"}


def test_before_it_is_ready_jobs_fail_at_once(bundle: Path) -> None:
    with WorkerRig(bundle) as rig:
        rig.submit("early")
        rig.until_ended("early")
        assert rig.codes() == {"early": "worker.starting"}


def test_stopping_finishes_what_is_here_and_takes_no_more(bundle: Path) -> None:
    with WorkerRig(bundle) as rig:
        rig.until_ready()
        rig.submit(*range(20))
        rig.worker.stop(rig.reactor.now_ns() + 600 * SECOND)  # it does not wait for that
        rig.submit("late")
        rig.until(lambda: rig.state == "stopped", "stopped")
        assert list(rig.labels()) == list(range(20))
        assert rig.codes() == {"late": "worker.stopped"}
        assert rig.stats().state == "stopped"


@pytest.mark.parametrize("when", ["before it started", "while it starts"])
def test_stopping_early_ends_it_too(bundle: Path, when: str) -> None:
    with WorkerRig(bundle) as rig:
        if when == "while it starts":
            rig.until(lambda: rig.stats().pid, "spawned")
        rig.worker.stop(rig.reactor.now_ns())
        rig.until(lambda: rig.state == "stopped", "stopped")
    assert [state for state, _ in rig.states] == ["stopped"]


def test_the_process_gives_way_and_keeps_inputs_to_itself(rig: WorkerRig) -> None:
    process = psutil.Process(rig.pid)
    assert process.nice() == 5
    assert process.rlimit(psutil.RLIMIT_CORE) == (1, 1)
    assert Path(f"/proc/{rig.pid}/oom_score_adj").read_text(encoding="ascii").strip() == "500"
    assert "test/primary" in process.cmdline()
    assert process.environ()["MALLOC_ARENA_MAX"] == "1"


def test_the_runtime_has_the_threads_it_was_given(rig: WorkerRig) -> None:
    rig.submit("a")
    rig.until_ended("a")
    assert psutil.Process(rig.pid).num_threads() == 1


def test_no_descriptor_is_left_behind_on_either_side(rig: WorkerRig) -> None:
    rig.submit(*range(3))
    rig.until_ended(*range(3))
    ours, theirs = psutil.Process().num_fds(), psutil.Process(rig.pid).num_fds()
    rig.submit(*range(10, 110))
    rig.until_ended(*range(10, 110))
    assert psutil.Process().num_fds() == ours
    assert psutil.Process(rig.pid).num_fds() == theirs


def test_one_that_loads_gently_has_its_place_again_once_it_is_ready(tmp_path: Path) -> None:
    with WorkerRig(argmax_bundle(tmp_path / "bundle"), gently=True) as rig:
        rig.until_ready()
        rig.submit("a")
        rig.until_ended("a")
        assert rig.labels() == {"a": "two"}
        nice = int(Path(f"/proc/{rig.pid}/stat").read_text().rpartition(")")[2].split()[16])
        group = Path(f"/proc/{rig.pid}/autogroup")
        assert nice == 5
        if group.exists():
            assert group.read_text().endswith("nice 10\n")
