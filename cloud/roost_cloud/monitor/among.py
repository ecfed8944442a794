"""Where each device stands among the others of its fleet, by its last decision: shown only."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import DecisionWindow, DriftBaseline, DriftVerdict
from roost_cloud.drift.fleet import against_fleet
from roost_cloud.drift.measures import features
from roost_cloud.monitor.baselines import DECISION, all_decisions, decision_of
from roost_shared.phi import KINDS

__all__ = ["Among", "among_others"]


class Among(NamedTuple):
    """A device among the others.

    Attributes:
        at: when the cloud had its last decision.
        deviations: of the fleet's, by statistic.
        farthest: what people call the statistic that is farthest off.
    """

    device: str
    at: datetime
    deviations: dict[str, float]
    farthest: str


def among_others(session: Session, tenant: str, task: str) -> list[Among]:
    """All devices of a task that are commissioned, within the world that most are in.

    Raises:
        FleetSmallError: they are too few.
    """
    of_task = (DriftBaseline.tenant == tenant, DriftBaseline.task == task, DriftBaseline.kind == "input")
    whole = select(DriftBaseline.identity).where(*of_task, DriftBaseline.commissioned_at.is_not(None))
    ordered = whole.group_by(DriftBaseline.identity).order_by(func.count().desc(), DriftBaseline.identity)
    identity = session.scalar(ordered.limit(1))
    if identity is None:
        return []
    own = all_decisions(session, tenant, task, "input", identity)
    values = {key: features("input", decisions) for key, decisions in own.items()}
    found: list[Among] = []
    for row in _last(session, tenant, task, identity):
        decision = decision_of(row)
        phi, key = decision.sketches.phi, (row.device, row.contestant)
        if phi is None or key not in values:
            continue
        others = [its for other, its in values.items() if other != key]
        off = against_fleet(others, features("input", [decision])[0])
        kind = KINDS[phi.kind]
        farthest = kind.word(int(abs(off).argmax()))
        found.append(Among(row.device, row.ended_at, dict(zip(kind.statistics, off.tolist(), strict=True)), farthest))
    return found


def _last(session: Session, tenant: str, task: str, identity: str) -> list[DecisionWindow]:
    """The last decision of each device in a world, by device."""
    of_world = (
        DriftVerdict.tenant == tenant,
        DriftVerdict.task == task,
        DriftVerdict.kind == "input",
        DriftVerdict.identity == identity,
    )
    stream = (DriftVerdict.tenant, DriftVerdict.device, DriftVerdict.task, DriftVerdict.contestant)
    last = select(*stream, func.max(DriftVerdict.number).label("number")).where(*of_world).group_by(*stream).subquery()
    of_last = and_(*(getattr(DecisionWindow, name) == last.c[name] for name in DECISION))
    query = select(DecisionWindow).join(last, of_last)
    return list(session.scalars(query.order_by(DecisionWindow.device, DecisionWindow.contestant)))
