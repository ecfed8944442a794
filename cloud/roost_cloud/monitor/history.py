"""How a task on a device went, decision by decision: distances with their threshold, and statistics within a band.

The band is what people look at, not what alarms: the device's own mean when it was commissioned, and three standard
deviations of those decisions to either side. What alarms is the distance, of all statistics together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

import numpy as np
from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import DecisionWindow, DriftBaseline, DriftVerdict
from roost_cloud.drift.budget import Kind
from roost_cloud.drift.decisions import Decision
from roost_cloud.drift.measures import features
from roost_cloud.monitor.baselines import DECISION, decision_of, own_decisions, part_of
from roost_shared.phi import KINDS
from roost_shared.sketches import ConfidenceHistogram

__all__ = ["BAND", "Band", "History", "Point", "Statistic", "histories", "recent"]

BAND: Final = 3.0  # standard deviations, to either side
_SHARES: Final = 6  # of labels, that are shown: the most frequent


class Point(NamedTuple):
    """A decision, and what it said of a kind of drift.

    Attributes:
        number: of the decision, which counts up.
        began_at: when the cloud had the first of its windows.
        ended_at: when it had the last.
        requests: in it.
        seconds: how long its windows were.
        bundle: that the contestant ran.
        distance: U; None: not judged.
        threshold: beyond which U exceeds; None: not judged.
        commissioning: whether it is of the baseline.
    """

    number: int
    began_at: datetime
    ended_at: datetime
    requests: int
    seconds: float
    bundle: str | None
    distance: float | None
    threshold: float | None
    exceeded: bool
    commissioning: bool


_POINT: Final[tuple[Any, ...]] = (
    DriftVerdict.number,
    DecisionWindow.began_at,
    DecisionWindow.ended_at,
    DecisionWindow.count,
    DecisionWindow.seconds,
    DecisionWindow.bundle,
    DriftVerdict.distance,
    DriftVerdict.threshold,
    DriftVerdict.exceeded,
    DriftVerdict.commissioning,
)  # the columns of a point


class Band(NamedTuple):
    """Where a statistic was while the device was commissioned."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Statistic:
    """One number of each decision.

    Attributes:
        name: of it.
        word: what people call it.
        slot: of a share of labels, which count; None: it is no share.
        band: None: too few decisions to say.
        values: one a point; None: that decision has none, or is of another world.
    """

    name: str
    word: str
    slot: int | None
    band: Band | None
    values: list[float | None]


@dataclass(frozen=True)
class History:
    """A kind of drift of a task on a device.

    Attributes:
        contestant: whose windows; empty: the task's answers.
        space: of labels, their digest; None: there are none.
        points: the newest, in order.
        statistics: of the world of the last point.
    """

    device: str
    task: str
    kind: Kind
    contestant: str
    space: int | None = None
    points: list[Point] = field(default_factory=list)
    statistics: list[Statistic] = field(default_factory=list)


def histories(
    session: Session, tenant: str, device: str, task: str, *, kind: Kind | None = None, last: int
) -> list[History]:
    """Of each contestant and kind, the last so many decisions, with their statistics."""
    found = []
    for contestant, kind_, _ in _groups(session, tenant, [device], task, kind):
        rows = session.execute(_newest(tenant, device, task, contestant, kind_, last)).all()[::-1]
        found.append(_history(session, rows))
    return found


def recent(
    session: Session, tenant: str, devices: Sequence[str], task: str | None, *, last: int
) -> dict[tuple[str, str, str, str], list[Point]]:
    """The last so many decisions of devices, by device, task, contestant and kind; for many devices at once.

    Columns alone, without sketches and explanations: a page of devices has some ten thousand of them.
    """
    line = (DriftVerdict.device, DriftVerdict.task, DriftVerdict.contestant, DriftVerdict.kind)
    chosen = [DriftVerdict.tenant == tenant, DriftVerdict.device.in_(devices)]
    if task is not None:
        chosen.append(DriftVerdict.task == task)
    newest = select(*line, func.max(DriftVerdict.number).label("newest")).where(*chosen).group_by(*line).subquery()
    same = (getattr(DriftVerdict, name) == newest.c[name] for name in ("device", "task", "contestant", "kind"))
    query = (
        select(*line, *_POINT)
        .join(newest, and_(*same, DriftVerdict.number > newest.c.newest - last))
        .join(DecisionWindow, _of_decision())
        .where(DriftVerdict.tenant == tenant)
        .order_by(DriftVerdict.number)
    )
    found: dict[tuple[str, str, str, str], list[Point]] = {}
    for device, of_task, contestant, kind, *told in session.execute(query):
        found.setdefault((device, of_task, contestant, kind), []).append(Point(*told))
    return found


def _groups(
    session: Session, tenant: str, devices: Sequence[str], task: str, kind: Kind | None
) -> Iterable[tuple[str, Kind, int]]:
    columns = (DriftVerdict.contestant, DriftVerdict.kind)
    query = select(*columns, func.max(DriftVerdict.number)).where(
        DriftVerdict.tenant == tenant, DriftVerdict.device.in_(devices), DriftVerdict.task == task
    )
    if kind is not None:
        query = query.where(DriftVerdict.kind == kind)
    rows = session.execute(query.group_by(*columns).order_by(DriftVerdict.kind, DriftVerdict.contestant))
    return [(contestant, cast("Kind", of), number) for contestant, of, number in rows]


def _of_decision() -> Any:
    return and_(*(getattr(DriftVerdict, name) == getattr(DecisionWindow, name) for name in DECISION))


def _newest(
    tenant: str, device: str, task: str, contestant: str, kind: Kind, last: int
) -> Select[DriftVerdict, DecisionWindow]:
    return (
        select(DriftVerdict, DecisionWindow)
        .join(DecisionWindow, _of_decision())
        .where(
            DriftVerdict.tenant == tenant,
            DriftVerdict.device == device,
            DriftVerdict.task == task,
            DriftVerdict.contestant == contestant,
            DriftVerdict.kind == kind,
        )
        .order_by(DriftVerdict.number.desc())
        .limit(last)
    )


def _point(verdict: DriftVerdict, decision: DecisionWindow) -> Point:
    return Point(
        number=verdict.number,
        began_at=decision.began_at,
        ended_at=decision.ended_at,
        requests=decision.count,
        seconds=decision.seconds,
        bundle=decision.bundle,
        distance=verdict.distance,
        threshold=verdict.threshold,
        exceeded=verdict.exceeded,
        commissioning=verdict.commissioning,
    )


def _history(session: Session, rows: Sequence[Any]) -> History:
    verdict, _ = rows[-1]
    key = (verdict.tenant, verdict.device, verdict.task, verdict.contestant, verdict.kind, verdict.identity)
    baseline, kind = session.get(DriftBaseline, key), cast("Kind", verdict.kind)
    own = [] if baseline is None else own_decisions(session, baseline)
    decided = [decision_of(decision) for _, decision in rows]
    is_same = [one.identity == verdict.identity for one, _ in rows]
    labels = decided[-1].sketches.labels
    return History(
        device=verdict.device,
        task=verdict.task,
        kind=kind,
        contestant=verdict.contestant,
        space=None if labels is None or kind != "label_mix" else labels.space,
        points=[_point(*row) for row in rows],
        statistics=_statistics(kind, verdict.contestant, own, decided, is_same),
    )


def _statistics(
    kind: Kind, contestant: str, own: Sequence[Decision], decided: Sequence[Decision], is_same: Sequence[bool]
) -> list[Statistic]:
    """Each statistic of the kind, with its band; the last decision is of the world they are of."""
    usable = [one for one in own if part_of(kind, contestant, one) is not None]
    band = _numbers(kind, usable)
    values = [
        _numbers(kind, [one])[0] if same and part_of(kind, contestant, one) is not None else None
        for one, same in zip(decided, is_same, strict=True)
    ]
    last = next((one for one in reversed(values) if one is not None), None)
    if last is None:
        return []
    found = []
    for place in _places(kind, last, band):
        name, word = _named(kind, decided[-1], place)
        told = [None if one is None else float(one[place]) for one in values]
        slot = place if kind == "label_mix" else None
        kept_to = _band(kind, band[:, place]) if len(band) > 1 else None
        found.append(Statistic(name, word, slot, kept_to, told))
    return found


def _numbers(kind: Kind, decisions: Sequence[Decision]) -> Any:
    """What of decisions is shown, (decisions, statistics): φ, inputs a second, shares of labels, mean confidence."""
    if not decisions:
        return np.zeros((0, 0))
    raw = features(kind, decisions)
    if kind == "event_rate":
        return np.exp(raw)
    if kind == "input":
        return raw
    shares = raw / np.maximum(raw.sum(axis=1, keepdims=True), 1)
    return shares if kind == "label_mix" else shares @ _middles()[:, None]


def _middles() -> Any:
    """The confidence that each bin stands for."""
    edges = np.array([0.0, *ConfidenceHistogram.EDGES, 1.0])
    return (edges[1:] + edges[:-1]) / 2


def _places(kind: Kind, last: Any, band: Any) -> list[int]:
    """Which statistics are shown, in order: of shares, the largest now or before."""
    if kind != "label_mix":
        return list(range(len(last)))
    before = band.mean(axis=0) if len(band) else np.zeros_like(last)
    size = np.maximum(last, before)
    order = np.argsort(-size, kind="stable")[:_SHARES].tolist()
    return sorted(place for place in order if size[place] > 0)


def _named(kind: Kind, decision: Decision, place: int) -> tuple[str, str]:
    match kind:
        case "input":
            phi = decision.sketches.phi
            known = None if phi is None else KINDS.get(phi.kind)
            if known is None or place >= len(known.statistics):
                return f"statistic {place}", f"statistic {place}"
            return known.statistics[place], known.word(place)
        case "event_rate":
            return "rate", "inputs a second"
        case "label_mix":
            return f"share {place}", f"share of label {place}"
        case "model":
            return "confidence", "mean confidence"


def _band(kind: Kind, values: Any) -> Band:
    """Three deviations to either side, as far as a share or a rate can be so."""
    mean, off = float(values.mean()), BAND * float(values.std(ddof=1))
    low, high = mean - off, mean + off
    if kind != "input":
        low = max(low, 0.0)
    return Band(mean, low, min(high, 1.0) if kind in ("label_mix", "model") else high)
