import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from roost_cloud.training.job import candidate_of, job_path
from roost_cloud.training.lines import ErrorLine, Line, MetricLine, StepLine, TrainerLine, decode_line
from roost_shared.bundle import open_bundle
from tests.support.training_jobs import points, training_job


def start(folder: Path, *options: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "roost_cloud.training", str(folder), *options]
    return subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE)


def run(folder: Path, *options: str) -> tuple[int, Sequence[Line]]:
    process = start(folder, *options)
    output, _ = process.communicate(timeout=60)
    return process.returncode, [decode_line(line) for line in output.splitlines()]


@pytest.fixture
def job(tmp_path: Path) -> Path:
    training_job(tmp_path, new=points(20, moved=True, seed=1), old=points(30, moved=False, seed=2))
    return tmp_path


def test_a_job_is_done_and_told_in_lines_and_its_twin_process_makes_the_same_bundle(job: Path, tmp_path: Path) -> None:
    code, lines = run(job)
    assert code == 0
    assert lines[0] == TrainerLine("head", "1")
    digest = open_bundle(candidate_of(job)).digest
    steps = [line for line in lines if isinstance(line, StepLine)]
    assert {"embedding inputs", "choosing λ", "writing the bundle"} <= {line.what for line in steps}
    metrics = {line.name: line.value for line in lines if isinstance(line, MetricLine)}
    assert metrics["accuracy.new"] is not None
    assert metrics["cpu_s"] is not None
    candidate_of(job).rename(tmp_path / "first")
    assert run(job, "--nice", "5")[0] == 0
    assert open_bundle(candidate_of(job)).digest == digest


@pytest.mark.parametrize(
    ("said", "damage", "problem"),
    [
        pytest.param(b'"run":"run-1",', b"", "missing required field `run`", id="a field is missing"),
        pytest.param(b'"trainer":"head"', b'"trainer":"nobody"', "no trainer is called 'nobody'", id="no trainer"),
        pytest.param(b'"schema_version":1', b'"schema_version":9', "upgrade it", id="of another version"),
    ],
)
def test_a_job_that_cannot_be_done_says_why(job: Path, said: bytes, damage: bytes, problem: str) -> None:
    path = job_path(job)
    path.write_bytes(path.read_bytes().replace(said, damage))
    code, lines = run(job)
    assert code == 3
    assert isinstance(lines[-1], ErrorLine)
    assert lines[-1].code == "training.impossible"
    assert problem in lines[-1].message


def test_too_little_memory_ends_it_without_a_candidate(job: Path) -> None:
    code, _ = run(job, "--memory-bytes", str(30 << 20))
    assert code != 0
    assert not candidate_of(job).exists()


def test_sigterm_cancels(job: Path) -> None:
    process = start(job)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 4
    assert not candidate_of(job).exists()


def test_it_ends_with_whoever_started_it(job: Path) -> None:
    reading, writing = os.pipe()
    process = start(job, "--stop-at-end-of-input", stdin=reading)
    os.close(reading)
    os.close(writing)
    process.communicate(timeout=60)
    assert process.returncode == 1
    assert not candidate_of(job).exists()
