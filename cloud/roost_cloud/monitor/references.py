"""What all devices of a task have in common: the measure of a kind of drift, and its threshold.

Learnt from the commissioning decisions of all whole baselines of a world, and kept in memory until one is added, taken
away or begun anew, or the settings change. Where many are being commissioned, it is learnt anew once a minute at most.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import distinct, func, select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import DriftBaseline
from roost_cloud.drift.budget import SHARES, Kind
from roost_cloud.drift.errors import BaselineShortError, ReferenceSmallError
from roost_cloud.drift.measures import Measure, Values, features, fit
from roost_cloud.drift.steadiness import Shift, shifts
from roost_cloud.drift.thresholds import Budget, Record, Threshold, find_threshold
from roost_cloud.monitor.baselines import STREAM, all_decisions, own_decisions
from roost_cloud.monitor.policies import judged_of_task

__all__ = ["Reference", "References", "World", "budget_of"]

_SHORT: Final = (
    "the commissioning windows are too few to tell what distance is so rare as the budget asks: commission longer, or "
    "more devices, or bear more alarms a week"
)
_WEEK_S: Final = 7 * 86_400.0
_REFIT: Final = timedelta(minutes=1)
_KEPT: Final = 1024  # worlds
_OWN_KEPT: Final = 20_000  # baselines, of a few kilobytes each


class World(NamedTuple):
    """Within which devices are compared."""

    tenant: str
    task: str
    kind: Kind
    identity: str


class Reference(NamedTuple):
    """What a decision is judged by.

    Attributes:
        measure: None if it cannot be judged yet.
        threshold: None if it cannot be judged yet.
        problem: why nothing exceeds.
        weeks: that are recorded, on average over devices.
        shifts: how the halves of each baseline differ, by device and contestant; none where it cannot be told.
    """

    measure: Measure | None
    threshold: Threshold | None
    problem: str | None
    weeks: float = 0.0
    shifts: Mapping[tuple[str, str], Shift] = {}


class _Kept(NamedTuple):
    version: tuple[Any, ...]
    made_at: datetime
    reference: Reference


class References:
    """Of a process. Within a round, what was found is not looked up again; for one thread."""

    def __init__(self) -> None:
        self._kept: OrderedDict[World, _Kept] = OrderedDict()
        self._own: OrderedDict[tuple[Any, ...], Values] = OrderedDict()
        self._this_round: dict[tuple[World, float], Reference] = {}

    def begin_round(self) -> None:
        """From now on, look whether baselines or settings have changed."""
        self._this_round.clear()

    def get(self, session: Session, world: World, alarms_a_week: float, now: datetime) -> Reference:
        """What decisions of a world are judged by.

        Args:
            session: to read with.
            world: which.
            alarms_a_week: the tenant's budget.
            now: server time.
        """
        found = self._this_round.get((world, alarms_a_week))
        if found is None:
            found = self._find(session, world, alarms_a_week, now)
            if found.measure is not None:
                self._this_round[world, alarms_a_week] = found
        return found

    def own(self, session: Session, baseline: DriftBaseline, kind: Kind) -> Values:
        """The features of a device's own baseline, which is whole, and so will not change."""
        names = (*STREAM, "contestant", "kind", "identity", "first_number", "commissioned_at")
        key = tuple(getattr(baseline, name) for name in names)
        own = self._own.get(key)
        if own is None:
            own = self._own[key] = features(kind, own_decisions(session, baseline))
            if len(self._own) > _OWN_KEPT:
                self._own.popitem(last=False)
        else:
            self._own.move_to_end(key)
        return own

    def _find(self, session: Session, world: World, alarms_a_week: float, now: datetime) -> Reference:
        version = _version(session, world, alarms_a_week)
        kept = self._kept.get(world)
        if kept is not None and (kept.version == version or _will_do(kept, version, now)):
            return kept.reference
        reference = _learn(session, world, alarms_a_week)
        self._kept[world] = _Kept(version, now, reference)
        self._kept.move_to_end(world)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return reference


def budget_of(session: Session, world: World, alarms_a_week: float) -> Budget:
    """What a world's streams may cost of a tenant's budget; a baseline contestant's cost nothing, for none alarms."""
    of_kind = (DriftBaseline.tenant == world.tenant, DriftBaseline.kind == world.kind)
    of_world = (*of_kind, DriftBaseline.task == world.task, DriftBaseline.identity == world.identity)
    streams = session.scalar(select(func.count()).where(*of_world, DriftBaseline.commissioned_at.is_not(None))) or 0
    columns = (DriftBaseline.task, DriftBaseline.contestant)
    counted = select(*columns, func.count(distinct(DriftBaseline.device))).where(*of_kind).group_by(*columns)
    devices = {(task, contestant): count for task, contestant, count in session.execute(counted)}
    seen = {task: {contestant for of, contestant in devices if of == task} for task, _ in devices}
    silent = {task: judged_of_task(session, world.tenant, task, its).baseline for task, its in seen.items()}
    in_all = sum(count for (task, contestant), count in devices.items() if contestant != silent[task])
    return Budget(alarms_a_week * SHARES[world.kind], streams, in_all)


def _version(session: Session, world: World, alarms_a_week: float) -> tuple[Any, ...]:
    whole = select(func.count(), func.max(DriftBaseline.commissioned_at), func.sum(DriftBaseline.first_number)).where(
        DriftBaseline.tenant == world.tenant,
        DriftBaseline.task == world.task,
        DriftBaseline.kind == world.kind,
        DriftBaseline.identity == world.identity,
        DriftBaseline.commissioned_at.is_not(None),
    )
    return (alarms_a_week, *session.execute(whole).one())


def _will_do(kept: _Kept, version: tuple[Any, ...], now: datetime) -> bool:
    """Whether what was learnt a moment ago, of fewer devices, is good enough for now."""
    grew = version[0] == kept.version[0] and version[1] > kept.version[1]
    return grew and kept.reference.measure is not None and now - kept.made_at < _REFIT


def _learn(session: Session, world: World, alarms_a_week: float) -> Reference:
    found = all_decisions(session, world.tenant, world.task, world.kind, world.identity)
    devices = list(found.values())
    values = [features(world.kind, decisions) for decisions in devices]
    try:
        measure = fit(world.kind, values)
    except (BaselineShortError, ReferenceSmallError) as error:
        return Reference(None, None, str(error))
    weeks = sum(one.seconds for decisions in devices for one in decisions) / _WEEK_S / len(devices)
    record = Record(weeks, sum(map(len, devices)) / len(devices))
    threshold = find_threshold(measure, budget_of(session, world, alarms_a_week), record)
    halves = dict(zip(found, shifts(world.kind, values), strict=False))  # none, where they are too few
    return Reference(measure, threshold, None if math.isfinite(threshold.value) else _SHORT, weeks, halves)
