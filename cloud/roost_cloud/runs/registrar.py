"""How a candidate gets into the registry: its bytes first, then, as the run ends, in one transaction, all else."""

from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from roost_cloud.db.tables import TrainingRun
from roost_cloud.runs.verdict import Verdict
from roost_shared.bundle import Bundle

__all__ = ["Registrar"]


class Registrar(Protocol):
    """The registry, as a run uses it."""

    def store(self, tenant: str, candidate: Bundle) -> None:
        """Store a candidate's blobs; no version of it is visible yet. Again is no change."""

    def register(self, session: Session, run: TrainingRun, candidate: Bundle, verdict: Verdict, now: datetime) -> None:
        """Make a version of it, with where it comes from; whatever the transaction does besides holds with it."""
