"""The gate in a process of its own: what it says, how it ends."""

import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from roost_cloud.datasets.judged import judged_of
from roost_cloud.gate.job import verdict_in
from roost_cloud.gate.verdict import Verdict
from roost_cloud.training.lines import ErrorLine, Line, LogLine, MetricLine, StepLine, decode_line
from tests.support.gate_folders import gate_folder

COMMAND = [sys.executable, "-m", "roost_cloud.gate"]


def run(folder: Path, *options: str) -> tuple[int, list[Line]]:
    done = subprocess.run([*COMMAND, str(folder), *options], stdout=subprocess.PIPE, check=False, timeout=60)
    return done.returncode, [decode_line(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gate_folder(tmp_path_factory.mktemp("gate"))


def test_it_tells_its_progress_and_leaves_a_verdict(folder: Path) -> None:
    code, lines = run(folder, "--memory-bytes", str(1 << 30), "--nice", "5")
    assert code == 0
    assert msgspec.json.decode(verdict_in(folder).read_bytes(), type=Verdict).passed
    assert StepLine(240, 240, "judging inputs") in lines
    assert any(isinstance(line, LogLine) and line.text.startswith("better: 100.0 % right") for line in lines)
    assert any(isinstance(line, MetricLine) and line.name == "gate.reference" for line in lines)


def test_too_little_memory_is_told(folder: Path) -> None:
    code, lines = run(folder, "--memory-bytes", str(1 << 20))
    assert code != 0
    assert code == 3 or not any(isinstance(line, StepLine) and line.done == line.total for line in lines)


def test_what_cannot_be_judged_ends_with_a_reason(tmp_path: Path) -> None:
    code, lines = run(tmp_path)
    assert code == 3
    assert isinstance(lines[-1], ErrorLine)
    assert lines[-1].code == "gate.impossible"
    assert judged_of(tmp_path).name in lines[-1].message


def test_sigterm_cancels_without_a_verdict(tmp_path: Path) -> None:
    folder = gate_folder(tmp_path, new=40, old=6_000)
    process = subprocess.Popen([*COMMAND, str(folder)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 4
    assert not verdict_in(folder).exists()


def test_it_ends_with_whoever_started_it(tmp_path: Path) -> None:
    folder = gate_folder(tmp_path, new=40, old=6_000)
    process = subprocess.Popen(
        [*COMMAND, str(folder), "--stop-at-end-of-input"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline()
    process.stdin.close()
    process.stdin = None
    process.communicate(timeout=60)
    assert process.returncode == 1
    assert not verdict_in(folder).exists()
