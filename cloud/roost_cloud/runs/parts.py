"""What a run needs of other rooms: its dataset, and a place in the registry for what came of it."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy.orm import Session

from roost_cloud.db.tables import TrainingRun
from roost_cloud.runs.verdict import Verdict
from roost_cloud.training.job import TrainingExample
from roost_shared.bundle import Bundle
from roost_shared.errors import ContentError

__all__ = ["Datasets", "Registrar", "Told", "TooFewLabelsError"]

Told = Callable[[int, int], None]  # inputs fetched, of how many


class TooFewLabelsError(ContentError):
    """A run needs more labels than there are.

    Attributes:
        had: that there are.
        wanted: that it needs.
    """

    code = "run.too_few_labels"

    def __init__(self, had: int, wanted: int) -> None:
        super().__init__(f"needs {wanted} labels, has {had}")
        self.had = had
        self.wanted = wanted


class Datasets(Protocol):
    """Which inputs a run learns from and is judged by."""

    def count(self, session: Session, tenant: str, task: str, since: datetime) -> int:
        """Labelled samples of the changed world."""

    def choose(self, run: TrainingRun, wanted: int) -> str:
        """Make the run's snapshot; its digest.

        Raises:
            TooFewLabelsError: there are fewer than `wanted`.
        """

    def labels(self, tenant: str, snapshot: str) -> tuple[str, ...]:
        """A snapshot's label space."""

    def job(self, tenant: str, snapshot: str, folder: Path, told: Told) -> tuple[TrainingExample, ...]:
        """Bring the inputs that are learnt from to a job's folder."""

    def judged(self, tenant: str, snapshot: str, folder: Path, told: Told) -> None:
        """Bring the inputs that are judged by, and their labels, to the gate's folder."""


class Registrar(Protocol):
    """How a candidate gets into the registry: bytes first, then, in one transaction, all that tells of them."""

    def store(self, tenant: str, candidate: Bundle) -> None:
        """Store a candidate's blobs; no version of it is visible yet. Again is no change."""

    def register(self, session: Session, run: TrainingRun, candidate: Bundle, verdict: Verdict, now: datetime) -> None:
        """Make a version of it, with where it comes from; whatever the transaction does besides holds with it."""
