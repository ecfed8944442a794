"""A run of tests that is told to end leaves nothing behind that it had started."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
LONG = """
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def server() -> Iterator[int]:
    process = subprocess.Popen(["sleep", "300"], start_new_session=True)
    yield process.pid
    process.terminate()
    process.wait()


def test_it(server: int) -> None:
    Path(__file__).with_name("pid").write_text(f"{server}.")
    subprocess.run(["sleep", "60"])
"""


def test_told_to_end_it_ends_what_it_started(tmp_path: Path) -> None:
    file, pid = tmp_path / "test_long.py", tmp_path / "pid"
    file.write_text(LONG)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        "-n",
        "1",
    ]  # a process beside it, as runs have
    run = subprocess.Popen(
        [*command, "--rootdir", tmp_path, file], cwd=ROOT, stdout=subprocess.DEVNULL, process_group=0
    )
    try:
        until(lambda: pid.exists() and pid.read_text().endswith("."), "it has started what it needs")
        server = psutil.Process(int(pid.read_text().rstrip(".")))
        os.killpg(run.pid, signal.SIGTERM)  # as `timeout` does, and a terminal that goes away
        run.wait(60)
        until(lambda: not server.is_running(), "the server has ended", 20)
    finally:
        if pid.exists() and psutil.pid_exists(int(pid.read_text().rstrip("."))):
            os.kill(int(pid.read_text().rstrip(".")), signal.SIGKILL)
        run.kill()
        run.wait()
