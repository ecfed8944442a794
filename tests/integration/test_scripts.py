"""The commands under scripts/ can be started, and say what to do when they cannot go on."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = [ROOT / ".ci/run", ROOT / "scripts/constraints/compile"] + [
    ROOT / "scripts" / name for name in ("setup", "check", "test", "demo", "bench", "build", "newcomer")
]


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_command_is_executable_and_sound_bash(command: Path) -> None:
    assert os.access(command, os.X_OK)
    assert command.read_text().startswith("#!/usr/bin/env bash\n")
    assert run("bash", "-n", command).returncode == 0


def test_setup_names_the_sets_it_knows() -> None:
    result = run(ROOT / "scripts/setup", "everything")
    assert result.returncode == 1
    assert "edge, demo, dev" in result.stderr


def test_setup_refuses_a_python_that_is_too_old(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "scripts/constraints").mkdir(parents=True)
    for name in ("scripts/setup", "scripts/constraints/build.txt", "pyproject.toml"):
        (project / name).write_bytes((ROOT / name).read_bytes())
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    result = run("bash", project / "scripts/setup", "edge", ROOST_PYTHON=str(old))
    assert result.returncode == 1
    assert "is no Python 3.11 or later" in result.stderr
    assert not (project / ".venv").exists()
