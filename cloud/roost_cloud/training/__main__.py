"""`python -m roost_cloud.training FOLDER`: does the job in a folder, in a process of its own.

It tells its progress on standard output (`lines`). Exit codes: 0 done, 3 the job cannot be done and trying again would
not help, 4 cancelled by SIGTERM; anything else, it crashed.
"""

import os
import sys
from pathlib import Path
from typing import Final

import msgspec

from roost_cloud.training.discovery import find_trainer
from roost_cloud.training.errors import OutOfMemoryError, TrainingError
from roost_cloud.training.job import JOB_SCHEMA_VERSION, TrainingJob, job_path
from roost_cloud.training.lines import TrainerLine
from roost_cloud.training.process import LineProgress
from roost_cloud.training.program import run_in_folder

# Sums in another order round otherwise, and the same job is to give the same bytes: a thread per library, unless the
# environment says otherwise.
_THREADS: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> int:
    """Do the job in the folder that the command line names; return the exit code."""
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    needed = "the job's: job.json, incumbent/ and inputs/ in it"
    return run_in_folder("roost_cloud.training", "Do a training job.", needed, _train, hopeless=TrainingError)


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


if __name__ == "__main__":
    sys.exit(main())
