"""systemd's own tools on the units in firmware-config, and what those units say."""

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["UNITS", "allowed_calls", "analyze", "exposure", "settings"]

UNITS = Path(__file__).parents[2] / "firmware-config" / "systemd"


def analyze(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `systemd-analyze`; without it a test fails where servers are required, and is skipped elsewhere."""
    program = shutil.which("systemd-analyze")
    if program is None:
        message = "systemd-analyze is not installed: apt-get install systemd, or run scripts/test, which does"
        if os.environ.get("CI") == "true" or os.environ.get("ROOST_REQUIRE_SERVERS"):
            pytest.fail(message)
        pytest.skip(message)
    environment = os.environ | {"LC_ALL": "C.UTF-8", "SYSTEMD_PAGER": "cat", "SYSTEMD_COLORS": "0"}
    command = [program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=cwd, env=environment)


def exposure(unit: Path) -> float:
    """The unit's exposure from 0 (none) to 10, by `systemd-analyze security`."""
    done = analyze("security", "--offline=true", "--no-pager", unit)
    overall = re.search(r"Overall exposure level for \S+: (\d+\.\d)", done.stdout)
    assert overall is not None, done.stdout + done.stderr
    return float(overall[1])


def settings(unit: Path) -> dict[str, list[str]]:
    """A unit's settings by name, each with its values in order."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith(("#", " ")):
            found.setdefault(name, []).append(value)
    return found


def allowed_calls(unit: Path) -> set[str]:
    """The system calls that a unit's `SystemCallFilter` lines allow, by name."""
    allowed: set[str] = set()
    for line in settings(unit)["SystemCallFilter"]:
        named = {call for name in line.removeprefix("~").split() for call in _calls(name)}
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed


def _calls(name: str) -> Iterator[str]:
    if not name.startswith("@"):
        yield name
        return
    for member in _sets()[name]:
        yield from _calls(member)


@functools.cache
def _sets() -> dict[str, list[str]]:
    sets: dict[str, list[str]] = {}
    for line in analyze("syscall-filter", "--no-pager").stdout.splitlines():
        if line.startswith("@"):
            members = sets.setdefault(line.strip(), [])
        elif line.startswith("    ") and not line.strip().startswith("#"):
            members.append(line.strip())
        elif line.startswith("#"):
            break  # what follows belongs to no set
    return sets
