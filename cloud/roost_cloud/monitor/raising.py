"""Three of the last five decisions beyond the threshold make an alarm: one of a kind until somebody resolves it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from roost_cloud.alarms.store import NewAlarm, last_resolved, raise_alarm, still_so
from roost_cloud.db.tables import Alarm, DecisionWindow, DriftBaseline, DriftVerdict
from roost_cloud.drift.budget import OF, Kind, alarms
from roost_cloud.drift.measures import CONTINUOUS, features
from roost_cloud.monitor.baselines import DECISION, STREAM
from roost_cloud.monitor.judged import Judged
from roost_cloud.monitor.judging import Verdict
from roost_cloud.monitor.telling import Cause, cause_of, tell
from roost_shared.phi import KINDS

__all__ = ["raise_if_so"]

_AT_ONE_TIME: Final = timedelta(minutes=5)  # windows of two contestants may come in two batches


class _Recent(NamedTuple):
    """The last decisions of a kind, in order."""

    exceeded: list[bool]
    since: datetime | None  # when the first that exceeded began

    @property
    def moved(self) -> bool:
        return bool(alarms(self.exceeded))


def raise_if_so(session: Session, verdict: Verdict, judged: Judged, now: datetime) -> Alarm | None:
    """Raise an alarm if a verdict is what it takes; those of the baseline contestant only tell causes apart."""
    row = verdict.row
    if not row.exceeded or row.contestant == judged.baseline:
        return None
    if (alarm := still_so(session, row.tenant, row.device, row.task, row.kind, now)) is not None:
        _look_again(session, alarm, verdict, judged)
        return None
    resolved = last_resolved(session, row.tenant, row.device, row.task, row.kind)
    recent = _recent(session, _of(row, resolved))
    if not recent.moved or recent.since is None:
        return None
    return raise_alarm(session, _new(session, verdict, judged, recent), now)


def _look_again(session: Session, alarm: Alarm, verdict: Verdict, judged: Judged) -> None:
    """Say anew whose fault it is: the baseline contestant may have moved some decisions after the other."""
    if alarm.contestant != verdict.row.contestant or verdict.part.kind in CONTINUOUS:
        return
    cause = _cause(session, verdict, judged)
    if cause not in (alarm.cause, "unknown"):
        alarm.cause = cause
        alarm.explanation = {**alarm.explanation, "models_moved": _models(session, verdict, judged)}


def _new(session: Session, verdict: Verdict, judged: Judged, recent: _Recent) -> NewAlarm:
    row = verdict.row
    return NewAlarm(
        tenant=row.tenant,
        device=row.device,
        task=row.task,
        kind=verdict.part.kind,
        contestant=row.contestant,
        bundle=verdict.decision.bundle,
        cause=_cause(session, verdict, judged),
        since=recent.since or verdict.decision.began_at,
        explanation={
            **_told(verdict),
            "decisions_exceeded": sum(recent.exceeded),
            "decisions_looked_at": len(recent.exceeded),
            "distance": row.distance,
            "models_moved": _models(session, verdict, judged),
        },
    )


def _cause(session: Session, verdict: Verdict, judged: Judged) -> Cause:
    kind = verdict.part.kind
    return cause_of(kind, baseline_moved=_moved(session, verdict, judged.baseline, kind))


def _told(verdict: Verdict) -> dict[str, Any]:
    reference, measure, own = verdict.reference, verdict.measure, verdict.own
    if reference is None or reference.threshold is None or measure is None or own is None:
        return {}  # and then nothing exceeds
    kind, decision = verdict.part.kind, verdict.part.decision
    now = features(kind, [decision])[0]
    phi = decision.sketches.phi
    labels = decision.sketches.labels
    return {
        **tell(kind, own, now, measure.deviations(own, now), None if phi is None else KINDS.get(phi.kind)),
        "threshold": reference.threshold.value,
        "threshold_by": reference.threshold.way,
        "budget_is_promised": reference.threshold.is_promised,
        "commissioning_windows": len(own),
        "unsteady": verdict.unsteady,
        "label_space": None if labels is None or kind != "label_mix" else labels.space,
    }


def _models(session: Session, verdict: Verdict, judged: Judged) -> dict[str, bool | None]:
    """Whether the confidence of the contestant and of the baseline moved; None where it cannot be told."""
    contestant = verdict.row.contestant if verdict.part.kind != "event_rate" else judged.primary
    names = {"primary": contestant, "baseline": judged.baseline}
    return {which: _moved(session, verdict, name, "model") for which, name in names.items()}


def _moved(session: Session, verdict: Verdict, contestant: str | None, kind: Kind) -> bool | None:
    """Whether a contestant moved about when a verdict was made, within its own world; None: it cannot be told."""
    row = verdict.row
    of_contestant = (
        DriftVerdict.tenant == row.tenant,
        DriftVerdict.device == row.device,
        DriftVerdict.task == row.task,
        DriftVerdict.contestant == contestant,
        DriftVerdict.kind == kind,
    )
    by_then = DecisionWindow.ended_at <= verdict.decision.ended_at + _AT_ONE_TIME
    of_decision = (getattr(DriftVerdict, name) == getattr(DecisionWindow, name) for name in DECISION)
    query = select(DriftVerdict).join(DecisionWindow, and_(*of_decision)).where(*of_contestant, by_then)
    last = session.scalar(query.order_by(DriftVerdict.number.desc()).limit(1))
    if last is None:
        return None
    recent = _recent(session, _of(last, None))
    return recent.moved if recent.exceeded else None


def _of(row: DriftVerdict, after: datetime | None) -> list[ColumnElement[bool]]:
    """Verdicts like this one, up to it: of its world, since its baseline and the last alarm's end."""
    of_stream = (DriftVerdict.tenant == row.tenant, DriftVerdict.device == row.device, DriftVerdict.task == row.task)
    of_world = (
        DriftVerdict.contestant == row.contestant,
        DriftVerdict.kind == row.kind,
        DriftVerdict.identity == row.identity,
    )
    first = select(DriftBaseline.first_number).where(
        *(getattr(DriftBaseline, name) == getattr(row, name) for name in (*STREAM, "contestant", "kind", "identity"))
    )
    found = [*of_stream, *of_world, DriftVerdict.number.between(first.scalar_subquery(), row.number)]
    return found if after is None else [*found, DriftVerdict.decided_at > after]


def _recent(session: Session, conditions: Iterable[ColumnElement[bool]]) -> _Recent:
    """The last five decisions that were judged."""
    of_decision = (getattr(DriftVerdict, name) == getattr(DecisionWindow, name) for name in DECISION)
    query = select(DriftVerdict.exceeded, DecisionWindow.began_at).join(DecisionWindow, and_(*of_decision))
    query = query.where(*conditions, DriftVerdict.distance.is_not(None))
    rows = session.execute(query.order_by(DriftVerdict.number.desc()).limit(OF)).all()[::-1]
    since = next((began_at for exceeded, began_at in rows if exceeded), None)
    return _Recent([exceeded for exceeded, _ in rows], since)
