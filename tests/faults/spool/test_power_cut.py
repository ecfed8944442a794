"""The power goes between any two system calls of the spool, SQLite's own among them: nothing that was kept is lost."""

import random
import shutil
from pathlib import Path

import pytest

from tests.support.power_cut import Disk
from tests.support.spool_work import check
from tests.support.strace import Call, traced_calls

WORK = """
import sys
from pathlib import Path
from tests.support.spool_work import work
for boot in sys.argv[2:]:
    work(Path(sys.argv[1]), boot, steps=14)
"""


def replay(folder: Path, calls: list[Call], *, outcomes: int, every: int) -> int:
    """Cut the power after each call, or some of them, and look at what is left; how often."""
    disk, lines, cuts = Disk(), bytearray(), 0
    log = folder / "spool.log"
    for number, call in enumerate(calls):
        if call.path == log:
            if call.name == "write":
                lines += call.strings[0]
            continue
        disk.play(call)
        if number % every:
            continue
        for outcome in range(outcomes):
            target = folder / "after"
            disk.cut(folder, target, random.Random(f"{number} {outcome}"))
            check(target / "spool", [line.split() for line in lines.decode().splitlines()])
            shutil.rmtree(target)
            cuts += 1
    return cuts


def record(tmp_path: Path, folder: Path, boots: list[str]) -> list[Call]:
    calls = traced_calls(tmp_path / "trace", folder, WORK, str(folder / "spool"), *boots)
    names = {call.name for call in calls}
    assert names & {"pwritev", "pwritev2"}
    assert {"pwrite64", "fdatasync", "ftruncate", "fallocate", "unlink"} <= names
    return calls


def test_a_power_cut_takes_nothing_that_was_kept(tmp_path: Path, quick_path: Path) -> None:
    calls = record(tmp_path, quick_path, ["b5", "b12"])
    assert replay(quick_path, calls, outcomes=1, every=4) > 100


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_a_power_cut_after_any_call_takes_nothing_that_was_kept(tmp_path: Path, quick_path: Path) -> None:
    calls = record(tmp_path, quick_path, ["b5", "b12", "b13"])
    assert replay(quick_path, calls, outcomes=4, every=1) > 1000
