"""Which inputs a run learns from and is judged by: `datasets`' rooms, as a run uses them."""

from pathlib import Path
from typing import Final

from roost_cloud.datasets import store as snapshots
from roost_cloud.datasets.choosing import Limits
from roost_cloud.datasets.making import Wanted, make_snapshot
from roost_cloud.datasets.materialising import Told, materialise_job, materialise_judged
from roost_cloud.db import Database
from roost_cloud.db.tables import TrainingRun
from roost_cloud.objects import ObjectStore
from roost_cloud.training.job import TrainingExample
from roost_shared.clock import Clock

__all__ = ["RunDatasets"]

_ACTOR: Final = "run"


class RunDatasets:
    """Snapshots of runs.

    Args:
        database: where samples and labels are.
        objects: where inputs and snapshots are.
        clock: tells the time.
    """

    def __init__(self, database: Database, objects: ObjectStore, clock: Clock) -> None:
        self._database = database
        self._objects = objects
        self._clock = clock

    def choose(self, run: TrainingRun, labels_wanted: int) -> str:
        """Make a run's snapshot; its digest.

        Raises:
            TooFewLabelsError: of the changed world fewer than `labels_wanted` are labelled.
            RoostError: see `make_snapshot`.
        """
        wanted = Wanted(run.task, run.incumbent, run.since, run.devices, Limits(labels_min=labels_wanted))
        actor, now = f"{_ACTOR}:{run.id}", self._clock.wall()
        return make_snapshot(self._database, self._objects, run.tenant, wanted, actor=actor, now=now).digest

    def labels(self, tenant: str, snapshot: str) -> tuple[str, ...]:
        """A snapshot's label space."""
        return snapshots.read(self._objects, tenant, snapshot).labels

    def job(self, tenant: str, snapshot: str, folder: Path, told: Told) -> tuple[TrainingExample, ...]:
        """Bring the inputs that are learnt from to a job's folder."""
        return materialise_job(self._database, self._objects, tenant, snapshot, folder, progress=told)

    def judged(self, tenant: str, snapshot: str, folder: Path, told: Told) -> None:
        """Bring the inputs that are judged by, and their labels, to the gate's folder."""
        materialise_judged(self._database, self._objects, tenant, snapshot, folder, progress=told)
