"""`python -m roost_cloud.training FOLDER`: does the job in a folder, in a process of its own.

It tells its progress on standard output (`lines`). Exit codes: 0 done, 3 the job cannot be done and trying again would
not help, 4 cancelled by SIGTERM; anything else, it crashed.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

import msgspec

from roost_cloud.training.discovery import find_trainer
from roost_cloud.training.errors import OutOfMemoryError, TrainingError
from roost_cloud.training.job import JOB_SCHEMA_VERSION, TrainingJob, job_path
from roost_cloud.training.lines import ErrorLine, TrainerLine
from roost_cloud.training.process import LineProgress, limit_memory, stop_at_end_of_input, take_output
from roost_cloud.training.progress import TrainingCancelledError

DONE: Final = 0
IMPOSSIBLE: Final = 3
CANCELLED: Final = 4
# Sums in another order round otherwise, and the same job is to give the same bytes: a thread per library, unless the
# environment says otherwise.
_THREADS: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> int:
    """Do the job in the folder that the command line names; return the exit code."""
    arguments = _parse()
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    if arguments.nice:
        os.nice(arguments.nice)
    if arguments.memory_bytes:
        limit_memory(arguments.memory_bytes)
    if arguments.stop_at_end_of_input:
        stop_at_end_of_input()
    progress = LineProgress(take_output())
    progress.hear_signals()
    try:
        _train(arguments.folder, progress)
    except TrainingCancelledError:
        return CANCELLED
    except TrainingError as error:
        progress.say(ErrorLine(error.code, str(error)))
        return IMPOSSIBLE
    return DONE


def _train(folder: Path, progress: LineProgress) -> None:
    job = _read_job(job_path(folder))
    trainer = find_trainer(job.trainer)
    progress.say(TrainerLine(job.trainer, trainer.version))
    progress.log(f"{job.trainer} {trainer.version}, {len(job.examples)} examples")
    try:
        trainer.train(job, folder, progress)
    except MemoryError as error:
        raise OutOfMemoryError(f"{job.trainer} needs more memory than it may have") from error


def _read_job(path: Path) -> TrainingJob:
    """The job.

    Raises:
        TrainingError: it cannot be read, or is of a version that this side does not know.
    """
    try:
        job = msgspec.json.decode(path.read_bytes(), type=TrainingJob)
    except (OSError, msgspec.DecodeError) as error:
        raise TrainingError(f"{path}: {error}") from error
    if job.schema_version > JOB_SCHEMA_VERSION:
        raise TrainingError(
            f"{path} follows schema version {job.schema_version}, this trainer reads {JOB_SCHEMA_VERSION}: upgrade it"
        )
    return job


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m roost_cloud.training", description="Do a training job.")
    parser.add_argument("folder", type=Path, help="the job's: job.json, incumbent/ and inputs/ in it")
    parser.add_argument("--memory-bytes", type=int, metavar="N", help="of memory of its own that it may have")
    parser.add_argument("--nice", type=int, default=0, metavar="N", help="how far to stand back, 0…19")
    parser.add_argument(
        "--stop-at-end-of-input", action="store_true", help="end with standard input: its writer is gone"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
