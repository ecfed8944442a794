"""Alarms a week that the recorded decisions would have had under another budget, by kind."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import Alarm, DecisionWindow, DriftVerdict
from roost_cloud.drift.budget import SHARES, Kind
from roost_cloud.drift.calibration import replayed_alarms
from roost_cloud.drift.measures import Floats
from roost_cloud.monitor.baselines import DECISION
from roost_cloud.monitor.policies import judged_of_task
from roost_cloud.monitor.references import Reference, References, World

__all__ = ["Simulated", "simulate"]

_WEEK_S = 7 * 86_400.0


class Simulated(NamedTuple):
    """A kind of drift under a budget.

    Attributes:
        streams: that were judged.
        decisions: of them.
        weeks: that they span.
        alarms: that there would have been, each resolved at once.
        raised: alarms that there were.
        is_promised: whether the recorded commissioning is long enough to say that the budget is kept.
    """

    budget: float
    kind: Kind
    streams: int
    decisions: int
    weeks: float
    alarms: int
    raised: int
    is_promised: bool

    @property
    def alarms_a_week(self) -> float | None:
        """None where nothing was recorded."""
        return self.alarms / self.weeks if self.weeks else None


class _Stream(NamedTuple):
    world: World
    distances: Floats


def simulate(
    session: Session, tenant: str, budgets: Sequence[float], *, since: datetime | None, task: str | None, now: datetime
) -> list[Simulated]:
    """Replay the decisions that were judged, by the thresholds that other budgets would have given.

    Args:
        session: to read with.
        tenant: whose.
        budgets: false alarms a week, over all streams and kinds.
        since: only decisions made then or later.
        task: only of this one.
        now: server time.
    """
    streams, weeks = _recorded(session, tenant, since, task)
    raised = _raised(session, tenant, since, task)
    found: list[Simulated] = []
    for budget in budgets:
        references = References()
        for kind in SHARES:
            its = [stream for stream in streams if stream.world.kind == kind]
            worlds = {stream.world: references.get(session, stream.world, budget, now) for stream in its}
            found.append(
                Simulated(
                    budget=budget,
                    kind=kind,
                    streams=len(its),
                    decisions=sum(len(stream.distances) for stream in its),
                    weeks=weeks if its else 0.0,
                    alarms=sum(_alarms(stream, worlds[stream.world]) for stream in its),
                    raised=raised.get(kind, 0),
                    is_promised=bool(worlds) and all(_is_promised(one) for one in worlds.values()),
                )
            )
    return found


def _alarms(stream: _Stream, reference: Reference) -> int:
    return 0 if reference.threshold is None else replayed_alarms([stream.distances], reference.threshold.value)


def _is_promised(reference: Reference) -> bool:
    return reference.threshold is not None and reference.threshold.is_promised


def _recorded(session: Session, tenant: str, since: datetime | None, task: str | None) -> tuple[list[_Stream], float]:
    """The distances of each stream in order, and the weeks that they span."""
    of_decision = and_(*(getattr(DriftVerdict, name) == getattr(DecisionWindow, name) for name in DECISION))
    columns = (
        DriftVerdict.device,
        DriftVerdict.task,
        DriftVerdict.contestant,
        DriftVerdict.kind,
        DriftVerdict.identity,
    )
    query = select(*columns, DriftVerdict.distance, DecisionWindow.began_at, DecisionWindow.ended_at)
    query = query.join(DecisionWindow, of_decision).where(
        DriftVerdict.tenant == tenant, DriftVerdict.distance.is_not(None)
    )
    if since is not None:
        query = query.where(DecisionWindow.ended_at >= since)
    if task is not None:
        query = query.where(DriftVerdict.task == task)
    distances: defaultdict[tuple[str, ...], list[float]] = defaultdict(list)
    began: list[datetime] = []
    ended: list[datetime] = []
    for *key, distance, began_at, ended_at in session.execute(query.order_by(*columns, DriftVerdict.number)):
        distances[tuple(key)].append(distance or 0.0)
        began.append(began_at)
        ended.append(ended_at)
    weeks = (max(ended) - min(began)).total_seconds() / _WEEK_S if ended else 0.0
    seen = defaultdict[str, set[str]](set)
    for _, its_task, contestant, _, _ in distances:
        seen[its_task].add(contestant)
    baselines = {one: judged_of_task(session, tenant, one, seen[one]).baseline for one in seen}
    streams = [
        _Stream(World(tenant, its_task, kind, identity), np.array(its, np.float64))  # type: ignore[arg-type]  # the table's
        for (_, its_task, contestant, kind, identity), its in distances.items()
        if contestant != baselines[its_task]
    ]
    return streams, weeks


def _raised(session: Session, tenant: str, since: datetime | None, task: str | None) -> dict[str, int]:
    query = select(Alarm.kind, func.count()).where(Alarm.tenant == tenant).group_by(Alarm.kind)
    if since is not None:
        query = query.where(Alarm.opened_at >= since)
    if task is not None:
        query = query.where(Alarm.task == task)
    return {row[0]: row[1] for row in session.execute(query)}
