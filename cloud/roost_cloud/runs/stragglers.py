"""Processes that would outlive the job they were started for: found by its folder, and ended.

Whoever leaves its session is no longer ended with it, but has the job's folder in its environment, or works there. A
process that takes care to hide is not found: trainers are programs that an operator installed, no strangers.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["JOB_FOLDER", "end_stragglers"]

JOB_FOLDER: Final = "ROOST_JOB_FOLDER"  # variable of a job's processes
_ROUNDS: Final = 5  # whoever starts others while we look is found in the next


def end_stragglers(folder: Path) -> int:
    """Kill whoever is of a job in `folder` or below, but for this process.

    Returns:
        How many there were.
    """
    ended: set[int] = set()
    for _ in range(_ROUNDS):
        found = [pid for pid in _pids() if _is_of(pid, folder)]
        if not found:
            break
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                ended.add(pid)
    return len(ended)


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if int(entry.name) != os.getpid()]


def _is_of(pid: int, folder: Path) -> bool:
    """Of processes that are not ours, or have ended, nothing can be told."""
    entry = Path("/proc") / str(pid)
    try:
        if (entry / "cwd").readlink().is_relative_to(folder):
            return True
        variables = (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
    mark = f"{JOB_FOLDER}=".encode()
    named = (one.removeprefix(mark) for one in variables if one.startswith(mark))
    return any(Path(os.fsdecode(one)).is_relative_to(folder) for one in named)
