"""Who goes before whom, as nice values (nice(2)) and those of whole sessions (sched(7), autogroup)."""

import contextlib
import os
from pathlib import Path
from typing import Final

__all__ = ["LAST_GROUP_NICE", "LAST_NICE", "SECOND_GROUP_NICE", "SECOND_NICE", "give_second_place", "group_nice"]

SECOND_NICE: Final = 5  # of what serves the agent, whose loop goes first
SECOND_GROUP_NICE: Final = 10  # where the kernel groups processes by session, it is the group's that counts
LAST_NICE: Final = 19
LAST_GROUP_NICE: Final = 15  # a third of a second place's share; at 19 a busy machine would take minutes

_GROUP: Final = "/proc/{}/autogroup"


def give_second_place(pid: int) -> None:
    """Give a process that has just been started its place; until it takes it itself, it would go first as we do."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, SECOND_NICE)
    with contextlib.suppress(OSError):
        Path(_GROUP.format(pid)).write_text(str(SECOND_GROUP_NICE), encoding="ascii")


def group_nice() -> int | None:
    """Our session's nice value; None where the kernel has no such."""
    try:
        return int(Path(_GROUP.format("self")).read_text(encoding="ascii").split()[-1])
    except (OSError, ValueError, IndexError):
        return None
