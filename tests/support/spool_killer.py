"""Ends a spool's work by SIGKILL: at its first, second, third… step, or at random moments.

As a program, `python spool_killer.py steps FOLDER BOOT` forks a child for n = 1, 2, … that works in FOLDER/n and is
killed at its nth step: before or after something is asked of the disk, or before a statement of SQLite's. It ends with
the first child that had no nth step. `python spool_killer.py moments FOLDER COUNT:SEED` lets one spool work on and on,
in a boot after another, each killed at a moment that is random by the seed. Both print how many were killed.
"""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from roost_edge.spool.disk import Disk
from tests.support.spool_work import work

__all__ = ["kill_at_each_step", "kill_at_random"]

STEPS = 14  # of the work, in a child that is killed at one of them
MOST_MS = 120  # until a boot is killed


def kill_at_each_step(folder: Path, boot: str) -> int:
    """Run the program; how many were killed."""
    return _run("steps", folder, boot)


def kill_at_random(folder: Path, times: int, seed: int = 0) -> int:
    """Run the program; how many were killed."""
    return _run("moments", folder, f"{times}:{seed}")


def _run(how: str, folder: Path, argument: str) -> int:
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, __file__, how, str(folder), argument],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )
    return int(done.stdout)


class _Steps:
    """Counts, and ends the process at one of them."""

    def __init__(self, last: int) -> None:
        self._left = last

    def __call__(self, *_: object) -> None:
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)


class _SteppingDisk(Disk):
    """Everything asked of the disk is a step before and a step after it."""

    def __init__(self, step: _Steps) -> None:
        self._step = step

    def create(self, path: Path) -> int:
        self._step()
        descriptor = super().create(path)
        self._step()
        return descriptor

    def write(self, descriptor: int, pieces: Sequence[bytes | memoryview], offset: int) -> None:
        self._step()
        super().write(descriptor, pieces[: len(pieces) // 2], offset)
        self._step()
        super().write(descriptor, pieces, offset)
        self._step()

    def sync(self, descriptor: int) -> None:
        super().sync(descriptor)
        self._step()

    def cut(self, descriptor: int, size_bytes: int) -> None:
        self._step()
        super().cut(descriptor, size_bytes)
        self._step()

    def punch(self, descriptor: int, offset: int, size_bytes: int) -> bool:
        self._step()
        done = super().punch(descriptor, offset, size_bytes)
        self._step()
        return done

    def remove(self, path: Path) -> None:
        self._step()
        super().remove(path)
        self._step()


def _killed_at(number: int, folder: Path, boot: str) -> None:
    step = _Steps(number)

    connect = sqlite3.connect

    def connect_stepping(*arguments: Any, **settings: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **settings)
        connection.set_trace_callback(step)
        return connection

    sqlite3.connect = connect_stepping  # type: ignore[assignment]
    work(folder, boot, steps=STEPS, disk=_SteppingDisk(step))


def _fork(task: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        task()
        os._exit(0)
    return pid


def _was_killed(pid: int) -> bool:
    _, status = os.waitpid(pid, 0)
    if not os.WIFSIGNALED(status) and status:
        raise SystemExit(f"the work failed: {status}")
    return os.WIFSIGNALED(status)


def _steps(parent: Path, boot: str) -> int:
    number = 1
    while _was_killed(_fork(partial(_killed_at, number, parent / str(number), boot))):
        number += 1
    return number - 1


def _log_of(folder: Path) -> str:
    path = folder.with_name(f"{folder.name}.log")
    return path.read_text() if path.exists() else ""


def _moments(folder: Path, argument: str) -> int:
    times, _, seed = argument.partition(":")
    dice = random.Random(int(seed))
    killed = 0
    for number in range(int(times)):
        boot = f"boot{number}"
        pid = _fork(partial(work, folder, boot, steps=10**6))
        while number % 2 and f"kept {boot}-" not in _log_of(folder):
            time.sleep(0.001)  # every other one is to have kept something by then
        time.sleep(dice.uniform(0, MOST_MS) / 1000)
        os.kill(pid, signal.SIGKILL)
        killed += _was_killed(pid)
    return killed


if __name__ == "__main__":
    how, folder, argument = sys.argv[1:]
    killed = _steps(Path(folder), argument) if how == "steps" else _moments(Path(folder), argument)
    sys.stdout.write(f"{killed}\n")
