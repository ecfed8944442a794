"""Heads that hang, die or lie while they share a worker with the primary: real processes, real signals."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from textwrap import dedent

import psutil
import pytest

from roost_edge.workers import child, worker
from roost_shared.bundle import Bundle, open_bundle
from roost_shared.clock import MS
from tests.support.bundles import with_another_head
from tests.support.split_bundles import ROTATED, split_bundle
from tests.support.worker_rig import WorkerRig

SHADOW = 2  # its mark
PRIMARY = 1
_keys = count()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundles")


@pytest.fixture(scope="module")
def primary(folder: Path) -> Path:
    return split_bundle(folder / "primary", width=1500)


@pytest.fixture(scope="module")
def shadow(folder: Path) -> Path:
    return split_bundle(folder / "shadow", version="2", labels=ROTATED, width=1500)


@pytest.fixture
def rig(primary: Path, shadow: Path) -> Iterator[WorkerRig]:
    with WorkerRig(primary, {"shadow": shadow}) as rig:
        rig.until_ready()
        yield rig


def freeze_while_it_runs(rig: WorkerRig, number: int) -> int:
    """Stop the process while the head of this mark runs; the pid."""
    process = psutil.Process(rig.pid)
    for _ in range(200):
        key = f"freeze-{next(_keys)}"
        rig.submit(key)
        child = rig.worker._child
        assert child is not None
        give_up = time.monotonic() + 0.05
        while child.mark.read() != number and time.monotonic() < give_up:
            pass
        os.kill(process.pid, signal.SIGSTOP)
        while process.status() != psutil.STATUS_STOPPED:
            pass
        if child.mark.read() == number:
            return process.pid
        process.resume()
        rig.until_ended(key)
    pytest.fail("never caught that head at work")


def fault(rig: WorkerRig, number: int, how: str) -> None:
    """Kill or hang the worker while that head runs, and wait until it is back."""
    told = len(rig.told)
    pid = freeze_while_it_runs(rig, number)
    if how == "crashes":
        os.kill(pid, signal.SIGKILL)
    rig.until(lambda: any(name == "primary" and state == "restarting" for name, state, _ in rig.told[told:]), "lost")
    rig.until_ready()


@pytest.mark.parametrize("how", ["crashes", "hangs"])
def test_a_head_that_takes_the_worker_down_twice_is_thrown_out_by_name_and_the_primary_goes_on(
    rig: WorkerRig, how: str
) -> None:
    fault(rig, SHADOW, how)
    assert rig.worker.unavailable("shadow") is None, "once is no reason"
    fault(rig, SHADOW, how)
    rig.until(lambda: rig.worker.unavailable("primary") is None, "the primary is back")
    stats = rig.stats("shadow")
    assert (stats.state, stats.pid, stats.shares_base_with) == ("thrown_out", None, ())
    assert stats.last_error is not None
    assert stats.last_error.code == ("worker.crashed" if how == "crashes" else "worker.hung")
    assert "while shadow ran" in stats.last_error.message
    assert [state for state, _ in rig.states_of("shadow")] == ["ready", "restarting", "ready", "thrown_out"]
    rig.submit("after")
    rig.until_ended("after")
    assert rig.labels()["after"] == "two"
    assert rig.codes("shadow")["after"] == "worker.thrown_out"
    assert rig.stats("primary").shares_base_with == ()
    assert all(label == "two" for label in rig.labels().values())


def test_what_answers_is_never_thrown_out_and_neither_is_a_bystander(rig: WorkerRig) -> None:
    for _ in range(3):
        fault(rig, PRIMARY, "crashes")
    assert rig.worker.unavailable("primary") is None
    assert rig.worker.unavailable("shadow") is None
    rig.submit("after")
    rig.until_ended("after")
    assert (rig.labels()["after"], rig.labels("shadow")["after"]) == ("two", "one")


def test_the_primary_has_said_what_it_had_to_when_a_head_hangs_on_that_input(rig: WorkerRig) -> None:
    freeze_while_it_runs(rig, SHADOW)
    key = rig.submitted[-1][0]
    rig.until(lambda: key in rig.labels(), "the primary's score")
    assert key not in rig.codes("shadow")
    rig.until(lambda: key in rig.codes("shadow"), "the hang is found out")


def test_a_head_that_gives_no_numbers_twice_is_thrown_out_without_a_restart(tmp_path: Path) -> None:
    vast = split_bundle(tmp_path / "vast", labels=ROTATED, head_gain=1e30)
    with WorkerRig(split_bundle(tmp_path / "quick"), {"vast": vast}) as rig:
        rig.until_ready()
        for key in ("first", "second", "third"):
            rig.submit(key, payload=b"[0, 0, 1e30]")
            rig.until_ended(key)
        assert rig.labels() == dict.fromkeys(("first", "second", "third"), "two")
        assert list(rig.codes("vast").values()) == ["model.bad_output"] * 2 + ["worker.thrown_out"]
        assert [state for state, _ in rig.states_of("vast")] == ["ready", "thrown_out"]
        assert rig.stats().restarts == 0


def test_a_head_that_fails_its_golden_vectors_is_refused_by_name_and_the_rest_serves(
    shadow: Path, primary: Path, tmp_path: Path
) -> None:
    swapped = with_another_head(
        open_bundle(primary), _head_of(split_bundle(tmp_path / "b", head_gain=5)), tmp_path / "s"
    )
    with WorkerRig(primary, {"liar": swapped.folder, "shadow": shadow}) as rig:
        rig.until_ready()
        stats = rig.stats("liar")
        assert (stats.state, stats.pid) == ("failed", None)
        assert stats.last_error is not None
        assert stats.last_error.code == "bundle.golden_mismatch"
        assert rig.stats("shadow").shares_base_with == ("primary",)
        rig.submit("a")
        rig.until_ended("a")
        assert (rig.labels(), rig.labels("shadow")) == ({"a": "two"}, {"a": "one"})
        assert rig.codes("liar") == {"a": "worker.failed"}
        assert rig.stats().restarts == 0


@pytest.mark.parametrize("whose", ["primary", "shadow"])
def test_a_base_altered_between_two_starts_is_refused_by_name(tmp_path: Path, whose: str) -> None:
    folders = {name: split_bundle(tmp_path / name, version=name) for name in ("primary", "shadow")}
    with WorkerRig(folders["primary"], {"shadow": folders["shadow"]}) as rig:
        rig.until_ready()
        path = open_bundle(folders[whose]).stage_path("base")
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.chmod(0o644)
        path.unlink()  # the running process keeps what it has mapped
        path.write_bytes(data)
        os.kill(rig.pid, signal.SIGKILL)
        rig.until(lambda: rig.stats(whose).state == "failed", "refused")
        error = rig.stats(whose).last_error
        assert error is not None
        assert error.code == "bundle.altered_blob"
        other = "shadow" if whose == "primary" else "primary"
        rig.until(lambda: rig.worker.unavailable(other) is None, "the other serves on")
        rig.submit("a", contestants=(other,))
        rig.until_ended("a")
        assert rig.labels(other) == {"a": "two"}


def test_a_refused_primary_is_tried_again_though_its_shadow_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_MENDED_NS", 300 * MS)
    folders = {name: split_bundle(tmp_path / name, version=name) for name in ("primary", "shadow")}
    path = open_bundle(folders["primary"]).stage_path("head")
    data = path.read_bytes()
    path.unlink()
    with WorkerRig(folders["primary"], {"shadow": folders["shadow"]}) as rig:
        rig.until(lambda: rig.stats().state == "failed", "refused")
        assert rig.worker.unavailable("shadow") is None
        path.write_bytes(data)
        rig.until_ready()
        assert rig.stats().shares_base_with == ("shadow",)


def test_a_worker_that_never_lets_the_other_heads_reply_is_found_out(
    primary: Path, shadow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_UNFINISHED_JOBS", 4)
    rogue = """
        from roost_edge.workers import crew, process
        crew.Crew.owes = False  # a blocking wait for the next input, for ever
        crew.LATER_INPUTS = 1000
        process.main()
    """

    def spawn(_module: str, _: str, theirs: socket.socket) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", dedent(rogue), "rogue", str(os.getpid())], stdin=theirs.fileno()
        )

    monkeypatch.setattr(child, "spawn", spawn)
    with WorkerRig(primary, {"shadow": shadow}) as rig:
        rig.until_ready()
        rig.submit(*range(12))
        rig.until(lambda: any(state == "restarting" for _, state, _ in rig.told), "found out")
        rig.until_ended(*range(12))
        assert len(rig.labels()) >= 4
        assert set(rig.codes("shadow").values()) == {"worker.crashed"}
        error = rig.states[1][1]
        assert error is not None
        assert "does not reply for all" in error.message


def _head_of(folder: Path) -> bytes:
    bundle: Bundle = open_bundle(folder)
    return bundle.stage_path("head").read_bytes()
