"""What a trainer's program and the gate's have in common: the command line, limits, and what exit codes say."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from roost_cloud.training.lines import ErrorLine
from roost_cloud.training.process import LineProgress, limit_memory, stop_at_end_of_input, take_output
from roost_cloud.training.progress import TrainingCancelledError
from roost_shared.errors import RoostError

__all__ = ["run_in_folder"]

DONE: Final = 0
IMPOSSIBLE: Final = 3
CANCELLED: Final = 4


def run_in_folder(
    module: str,
    description: str,
    folder: str,
    work: Callable[[Path, LineProgress], object],
    *,
    hopeless: type[RoostError],
) -> int:
    """Do what the command line asks for, under its limits, telling progress on standard output.

    Args:
        module: the program's name, behind `python -m`.
        description: what it does.
        folder: what has to be in the folder that the command line names.
        work: done there.
        hopeless: raised by it where trying again would not help.

    Returns:
        The exit code: 0 done, 3 hopeless, 4 cancelled by SIGTERM.
    """
    arguments = _parse(module, description, folder)
    if arguments.nice:
        os.nice(arguments.nice)
    if arguments.memory_bytes:
        limit_memory(arguments.memory_bytes)
    if arguments.stop_at_end_of_input:
        stop_at_end_of_input()
    progress = LineProgress(take_output())
    progress.hear_signals()
    try:
        work(arguments.folder, progress)
    except TrainingCancelledError:
        return CANCELLED
    except hopeless as error:
        progress.say(ErrorLine(error.code, str(error)))
        return IMPOSSIBLE
    return DONE


def _parse(module: str, description: str, folder: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("folder", type=Path, help=folder)
    parser.add_argument("--memory-bytes", type=int, metavar="N", help="of memory of its own that it may have")
    parser.add_argument("--nice", type=int, default=0, metavar="N", help="how far to stand back, 0…19")
    parser.add_argument(
        "--stop-at-end-of-input", action="store_true", help="end with standard input: its writer is gone"
    )
    return parser.parse_args()
