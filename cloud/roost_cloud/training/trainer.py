"""What a trainer must be, to be named by an entry point of the group `roost.trainers`.

    [project.entry-points."roost.trainers"]
    head = "roost_cloud.training.head:HeadTrainer"

The entry point's object is called without arguments and gives a Trainer.
"""

from pathlib import Path
from typing import Protocol

from roost_cloud.training.job import TrainingJob
from roost_cloud.training.progress import Progress

__all__ = ["Trainer"]


class Trainer(Protocol):
    """Makes a candidate bundle of an incumbent and examples. It runs in a process of its own, which may be killed."""

    @property
    def version(self) -> str:
        """Of the trainer: part of a candidate's lineage."""

    def train(self, job: TrainingJob, folder: Path, progress: Progress) -> None:
        """Write the candidate's bundle to `job.candidate_of(folder)`, whole or not at all.

        The same job gives the same bundle, by digest. The bundle names the incumbent as its parent and the run as
        its `training_run`.

        Args:
            job: what is in `job.json`.
            folder: the job's folder.
            progress: where to say how far it is.

        Raises:
            TrainingError: the job cannot be done; it says why, for people.
            TrainingCancelledError: the run was cancelled.
        """
