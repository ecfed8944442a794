"""Where a version comes from, and what came of it: from an answer's bundle back to its run, data and alarms, and on.

A version may say of itself that it came of a training run. That is believed if the run says so too: it made, and its
gate let pass, this very bundle.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import BundleVersion, TrainingAlarm, TrainingRun

__all__ = ["Lineage", "Origin", "lineage", "origin"]

_SHOWN: Final = 100  # children, and runs


class Origin(NamedTuple):
    """The run that a version came of."""

    run: TrainingRun
    alarms: Sequence[str]
    """That the run saw to, by id."""


class Lineage(NamedTuple):
    """Where a version comes from, and what came of it; deleted versions too."""

    parents: Sequence[BundleVersion]
    origin: Origin | None
    """None: nobody trained it here."""
    children: Sequence[BundleVersion]
    runs: Sequence[TrainingRun]
    """That started from it, whatever became of them."""


def lineage(session: Session, row: BundleVersion) -> Lineage:
    """Of a version, as far as its relatives are or were here; of children and runs the newest 100."""
    query = select(BundleVersion).where(BundleVersion.tenant == row.tenant)
    order = (BundleVersion.created_at.desc(), BundleVersion.name, BundleVersion.version)
    parents: Sequence[BundleVersion] = ()
    if row.parent_digest is not None:
        parents = session.scalars(query.where(BundleVersion.digest == row.parent_digest).order_by(*order)).all()
    children = query.where(BundleVersion.parent_digest == row.digest).order_by(*order).limit(_SHOWN)
    runs = select(TrainingRun).where(TrainingRun.tenant == row.tenant, TrainingRun.incumbent == row.digest)
    if row.task is not None:
        runs = runs.where(TrainingRun.task == row.task)
    newest = runs.order_by(TrainingRun.opened_at.desc(), TrainingRun.id).limit(_SHOWN)
    return Lineage(parents, origin(session, row), session.scalars(children).all(), session.scalars(newest).all())


def origin(session: Session, row: BundleVersion) -> Origin | None:
    """The run that a version came of; None: none, or it only says so."""
    run = None if row.training_run is None else session.get(TrainingRun, (row.tenant, row.training_run))
    if run is None or run.candidate != row.digest:
        return None
    alarms = select(TrainingAlarm.alarm).where(TrainingAlarm.tenant == row.tenant, TrainingAlarm.run == run.id)
    return Origin(run, session.scalars(alarms.order_by(TrainingAlarm.alarm)).all())
