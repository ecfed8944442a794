"""Verdicts: what each part of a decision says, judged against its device's own baseline."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy.orm import Session

from roost_cloud.db.tables import DecisionWindow, DriftVerdict
from roost_cloud.db.tables.drift import WORDS_CHARS
from roost_cloud.drift.budget import Kind
from roost_cloud.drift.decisions import Decision
from roost_cloud.drift.measures import Measure, Values, features
from roost_cloud.monitor.baselines import Baselines, Part, decision_of, part_of
from roost_cloud.monitor.judged import Judged
from roost_cloud.monitor.merging import ANSWERS
from roost_cloud.monitor.references import Reference, References, World
from roost_cloud.monitor.settings import DriftSettings
from roost_cloud.monitor.telling import unsteady_words

__all__ = ["Verdict", "judge"]

_OF_PRIMARY: Final[Sequence[Kind]] = ("input", "label_mix", "model")
_OF_OTHERS: Final[Sequence[Kind]] = ("label_mix", "model")
_FARTHEST: Final = 1e300  # in place of infinity, which JSON has no word for


class Verdict(NamedTuple):
    """What a part of a decision says.

    Attributes:
        row: as it is stored.
        part: what was judged.
        own: features of the device's baseline; None while that grows.
        measure: None if it could not be judged.
        reference: by which it was judged; None while the baseline grows.
        decision: the row of the decision.
        unsteady: how something changed while the device was commissioned.
    """

    row: DriftVerdict
    part: Part
    own: Values | None
    measure: Measure | None
    reference: Reference | None
    decision: DecisionWindow
    unsteady: str | None = None


def judge(
    session: Session,
    decision: DecisionWindow,
    baselines: Baselines,
    judged: Judged,
    settings: DriftSettings,
    references: References,
    now: datetime,
) -> list[Verdict]:
    """Judge a decision, and store what it says; a contestant that is not judged says nothing.

    Args:
        session: that holds the stream's row.
        decision: in its order.
        baselines: of the stream.
        judged: which contestants are.
        settings: of the tenant.
        references: of the process.
        now: server time.
    """
    read = decision_of(decision)
    found = [
        _judge(session, decision, part, baselines, settings, references, now)
        for kind in _kinds(decision.contestant, judged)
        if (part := part_of(kind, decision.contestant, read)) is not None
    ]
    session.add_all(verdict.row for verdict in found)
    return found


def _kinds(contestant: str, judged: Judged) -> Sequence[Kind]:
    if contestant == ANSWERS:
        return ("event_rate",)
    if contestant == judged.primary:
        return _OF_PRIMARY
    return _OF_OTHERS if contestant == judged.baseline or contestant in judged.answering else ()


def _judge(
    session: Session,
    decision: DecisionWindow,
    part: Part,
    baselines: Baselines,
    settings: DriftSettings,
    references: References,
    now: datetime,
) -> Verdict:
    row = DriftVerdict(
        tenant=decision.tenant,
        device=decision.device,
        task=decision.task,
        contestant=decision.contestant,
        kind=part.kind,
        number=decision.number,
        identity=part.identity,
        distance=None,
        threshold=None,
        exceeded=False,
        commissioning=False,
        decided_at=now,
    )
    baseline = baselines.grow(decision, part, settings.of(decision.task), now)
    if baseline is None:
        row.commissioning = True
        return Verdict(row, part, None, None, None, decision)
    world = World(decision.tenant, decision.task, part.kind, part.identity)
    reference = references.get(session, world, settings.alarms_a_week, now)
    baseline.problem = None if reference.problem is None else reference.problem[:WORDS_CHARS]
    own = references.own(session, baseline, part.kind)
    if reference.measure is None or reference.threshold is None:
        return Verdict(row, part, own, None, reference, decision)
    shift = reference.shifts.get((decision.device, decision.contestant))
    if shift is not None:  # else the reference was learnt before it
        baseline.unsteady = unsteady_words(part.kind, shift, part.decision.sketches.phi)
    row.distance = min(reference.measure.distance(own, _one(part.kind, part.decision)), _FARTHEST)
    if math.isfinite(reference.threshold.value):
        row.threshold = reference.threshold.value
        row.exceeded = row.distance > row.threshold
    return Verdict(row, part, own, reference.measure, reference, decision, baseline.unsteady)


def _one(kind: Kind, decision: Decision) -> Values:
    found: Values = features(kind, [decision])[0]
    return found
