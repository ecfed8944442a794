"""How each device stands: commissioning, fine, exceeding, alarmed; and what of the budget can be promised."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, cast

from sqlalchemy import and_, func, select, tuple_
from sqlalchemy.orm import Session

from roost_cloud.db.keyed import keyed
from roost_cloud.db.tables import Alarm, DecisionWindow, DriftBaseline, DriftStream, DriftVerdict
from roost_cloud.drift.budget import Kind
from roost_cloud.drift.calibration import LEAST_ALARMS
from roost_cloud.monitor.baselines import DECISION, STREAM
from roost_cloud.monitor.references import World, budget_of
from roost_cloud.monitor.settings import DriftSettings

__all__ = ["Promise", "Standing", "StreamStatus", "promises", "streams"]

_WEEK_S = 7 * 86_400.0
Standing = Literal["commissioning", "not_judged", "fine", "exceeding", "alarmed"]


@dataclass(frozen=True)
class StreamStatus:
    """One kind of drift of a task on a device.

    Attributes:
        contestant: whose windows are judged; empty: the task's answers.
        windows: decisions in its baseline.
        windows_wanted: that it takes.
        days: that they span.
        days_wanted: that it takes.
        problem: why it is not judged although its baseline is whole.
        unsteady: how something changed while it was commissioned: begin it anew, if that is over. None: nothing did.
        distance: U of the last decision: T² by the device's own scatter; None: not judged.
        threshold: beyond which U; None: it cannot be told yet.
        last_at: when the cloud had the last window of the last decision.
        alarm: that is not resolved.
    """

    device: str
    task: str
    kind: Kind
    contestant: str
    bundle: str | None
    standing: Standing
    windows: int
    windows_wanted: int
    days: float
    days_wanted: float
    baseline_since: datetime
    baseline_by: str
    note: str | None
    problem: str | None
    unsteady: str | None
    distance: float | None
    threshold: float | None
    last_at: datetime
    alarm: str | None


class Promise(NamedTuple):
    """What can be said of a task's budget.

    Attributes:
        devices: whose baseline is whole.
        budget: false alarms a week that they may have.
        weeks: that are recorded, on average.
        weeks_wanted: that it takes to promise the budget.
    """

    task: str
    kind: Kind
    devices: int
    budget: float
    weeks: float
    weeks_wanted: float

    @property
    def is_promised(self) -> bool:
        """Whether the record is long enough."""
        return self.weeks >= self.weeks_wanted - 1e-9


def streams(
    session: Session,
    tenant: str,
    settings: DriftSettings,
    *,
    task: str | None = None,
    device: str | None = None,
    limit: int,
    after: tuple[str, str] | None = None,
) -> Sequence[tuple[tuple[str, str], list[StreamStatus]]]:
    """Devices and tasks in order, each with how its kinds stand; at most `limit`, behind `after`."""
    query = select(DriftStream.device, DriftStream.task).where(DriftStream.tenant == tenant)
    if task is not None:
        query = query.where(DriftStream.task == task)
    if device is not None:
        query = query.where(DriftStream.device == device)
    if after is not None:
        query = query.where(tuple_(DriftStream.device, DriftStream.task) > after)
    ordered = query.order_by(DriftStream.device, DriftStream.task).limit(limit)
    keys = [(row[0], row[1]) for row in session.execute(ordered)]
    found = _statuses(session, tenant, settings, keys)
    return [(key, [one for one in found if (one.device, one.task) == key]) for key in keys]


def _statuses(
    session: Session, tenant: str, settings: DriftSettings, keys: Sequence[tuple[str, str]]
) -> list[StreamStatus]:
    """Of each contestant and kind, by its last verdict and the baseline of that verdict's world."""
    stream = (*(getattr(DriftVerdict, name) for name in STREAM), DriftVerdict.contestant, DriftVerdict.kind)
    last = (
        select(*stream, func.max(DriftVerdict.number).label("number"))
        .where(DriftVerdict.tenant == tenant, keyed((DriftVerdict.device, DriftVerdict.task), keys))
        .group_by(*stream)
        .subquery()
    )
    of_last = and_(*(getattr(DriftVerdict, name) == last.c[name] for name in (*DECISION, "kind")))
    of_decision = and_(*(getattr(DriftVerdict, name) == getattr(DecisionWindow, name) for name in DECISION))
    shared = (*STREAM, "contestant", "kind", "identity")
    of_baseline = and_(*(getattr(DriftVerdict, name) == getattr(DriftBaseline, name) for name in shared))
    query = (
        select(DriftVerdict, DriftBaseline, DecisionWindow.bundle, DecisionWindow.ended_at)
        .join(last, of_last)
        .join(DecisionWindow, of_decision)
        .join(DriftBaseline, of_baseline)
    )
    of_devices = (Alarm.tenant == tenant, Alarm.state != "resolved", keyed((Alarm.device, Alarm.task), keys))
    open_ones = session.scalars(select(Alarm).where(*of_devices))
    alarms = {(row.device, row.task, row.kind, row.contestant): row.id for row in open_ones}
    return sorted(
        (_status(row, settings, alarms) for row in session.execute(query)),
        key=lambda one: (one.device, one.task, one.kind, one.contestant),
    )


def _status(row: Any, settings: DriftSettings, alarms: dict[tuple[str, str, str, str], str]) -> StreamStatus:
    verdict, baseline, bundle, ended_at = row
    rules = settings.of(verdict.task)
    alarm = alarms.get((verdict.device, verdict.task, verdict.kind, verdict.contestant))
    return StreamStatus(
        device=verdict.device,
        task=verdict.task,
        kind=cast("Kind", verdict.kind),
        contestant=verdict.contestant,
        bundle=bundle,
        standing=_standing(verdict, baseline, alarm),
        windows=baseline.windows,
        windows_wanted=rules.commissioning_windows,
        days=_days(baseline, ended_at),
        days_wanted=rules.commissioning_days,
        baseline_since=baseline.began_at,
        baseline_by=baseline.began_by,
        note=baseline.note,
        problem=baseline.problem,
        unsteady=baseline.unsteady,
        distance=verdict.distance,
        threshold=verdict.threshold,
        last_at=ended_at,
        alarm=alarm,
    )


def _days(baseline: DriftBaseline, ended_at: datetime) -> float:
    """That a baseline spans; of one that is whole, no less."""
    until = ended_at if baseline.commissioned_at is None else min(baseline.commissioned_at, ended_at)
    return max((until - baseline.began_at).total_seconds(), 0.0) / 86_400


def _standing(verdict: DriftVerdict, baseline: DriftBaseline, alarm: str | None) -> Standing:
    if alarm is not None:
        return "alarmed"
    if baseline.commissioned_at is None:
        return "commissioning"
    if verdict.threshold is None:
        return "not_judged"
    return "exceeding" if verdict.exceeded else "fine"


def promises(session: Session, tenant: str, settings: DriftSettings) -> list[Promise]:
    """What can be said of the budget, by task and kind; of several worlds, of that which most devices are in."""
    columns = (DriftBaseline.task, DriftBaseline.kind, DriftBaseline.identity)
    whole = (DriftBaseline.tenant == tenant, DriftBaseline.commissioned_at.is_not(None))
    counted = select(*columns, func.count(), func.avg(DriftBaseline.seconds)).where(*whole).group_by(*columns)
    best: dict[tuple[str, str], Promise] = {}
    for task, kind, identity, devices, seconds in session.execute(counted.order_by(*columns)):
        budget = budget_of(session, World(tenant, task, kind, identity), settings.alarms_a_week).own
        promise = Promise(task, kind, devices, budget, float(seconds) / _WEEK_S, LEAST_ALARMS / budget)
        if (task, kind) not in best or best[task, kind].devices < devices:
            best[task, kind] = promise
    return sorted(best.values())
