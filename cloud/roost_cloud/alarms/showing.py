"""What an alarm is shown with: samples of its device and time, labels by name, other alarms that belong to it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.alarms.cohorts import Cohort, Finding, together
from roost_cloud.alarms.store import unresolved
from roost_cloud.db.tables import Alarm, Device, TrainingAlarm, TrainingRun
from roost_cloud.fleet import device_records
from roost_cloud.objects import ObjectStore
from roost_cloud.registry import running
from roost_cloud.samples import listing
from roost_cloud.samples.listing import Chosen, Listed
from roost_shared.sketches import LabelSpace

__all__ = ["SAMPLES", "cohort_of", "cohorts", "labels_of", "manifest_of", "runs_of", "samples_of", "span_of"]

SAMPLES: Final = 12  # shown with an alarm
_AFTER: Final = timedelta(minutes=5)  # that a sample may come behind the window it is in


def samples_of(session: Session, alarm: Alarm) -> Sequence[Listed]:
    """Samples of the alarm's device, task and time: those whose input is here, then others; the newest first.

    What came while decisions exceeded stands before what came in the minutes after: that may show that it is over.
    """
    since, until = span_of(alarm)
    found: list[Listed] = []
    for first, last in ((since, alarm.last_exceeded_at), (alarm.last_exceeded_at, until)):
        chosen = Chosen(device=alarm.device, task=alarm.task, since=max(since, first), until=last)
        found += listing.page(session, alarm.tenant, chosen, limit=10 * SAMPLES)
    return sorted(found, key=lambda one: one.input is None)[:SAMPLES]


def span_of(alarm: Alarm) -> tuple[datetime, datetime]:
    """From when to when the cloud was told of samples that an alarm is about."""
    return alarm.since, max(alarm.last_exceeded_at, alarm.opened_at) + _AFTER


def runs_of(session: Session, alarm: Alarm) -> Sequence[TrainingRun]:
    """The training runs that see to an alarm, or did, the newest first."""
    query = (
        select(TrainingRun)
        .join(TrainingAlarm, (TrainingAlarm.tenant == TrainingRun.tenant) & (TrainingAlarm.run == TrainingRun.id))
        .where(TrainingAlarm.tenant == alarm.tenant, TrainingAlarm.alarm == alarm.id)
    )
    return session.scalars(query.order_by(TrainingRun.opened_at.desc())).all()


def manifest_of(session: Session, alarm: Alarm) -> bytes | None:
    """The manifest of the bundle that an alarm is about; None if the registry does not have it."""
    return running.manifest_of(session, alarm.tenant, alarm.bundle)


def labels_of(objects: ObjectStore, tenant: str, manifest: bytes | None, space: int | None) -> LabelSpace | None:
    """The labels that slots of an alarm's label space stand for; None if they cannot be told."""
    if manifest is None or space is None:
        return None
    config = running.config_of(objects, tenant, manifest)
    found = LabelSpace(() if config is None else config.labels)
    return found if found.digest == space else None  # else labels are shown by their places


def cohorts(session: Session, tenant: str) -> list[tuple[Cohort, dict[str, Alarm]]]:
    """All alarms that are not resolved, those that belong together as one; with the rows by id."""
    rows = {row.id: row for row in unresolved(session, tenant)}
    findings = [Finding(row.id, row.device, row.task, row.kind, row.since) for row in rows.values()]
    found = together(findings, _labels(session, tenant))
    return [(cohort, {one.alarm: rows[one.alarm] for one in cohort.findings}) for cohort in found]


def cohort_of(session: Session, alarm: Alarm) -> Cohort | None:
    """The cohort that an alarm belongs to; None if it is resolved, or alone."""
    for cohort, _ in cohorts(session, alarm.tenant):
        if len(cohort.findings) > 1 and alarm.id in {one.alarm for one in cohort.findings}:
            return cohort
    return None


def _labels(session: Session, tenant: str) -> Mapping[str, Mapping[str, str]]:
    """The labels of all devices of a tenant, those without any among them."""
    names = session.scalars(select(Device.name).where(Device.tenant == tenant, Device.status == "enrolled"))
    return {name: {} for name in names} | device_records.labels_of(session, tenant)
