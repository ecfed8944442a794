"""Undecided windows of a task on a device, merged to decision windows; called with the stream's row locked.

A window that is in a decision, or was passed over after a pause, is marked so and never looked at again. The others
wait for more.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, not_, select, update
from sqlalchemy.orm import Session

from roost_cloud.db.tables import DecisionWindow, Window
from roost_cloud.db.tables.records import BUNDLE_CHARS
from roost_cloud.drift.decisions import Decision, decide
from roost_cloud.monitor.reading import read_window
from roost_cloud.monitor.settings import TaskRules

__all__ = ["ANSWERS", "Merged", "StreamKey", "merge"]

ANSWERS = ""  # in a contestant's place: the task's answers


class StreamKey(NamedTuple):
    """A task on a device."""

    tenant: str
    device: str
    task: str


class Merged(NamedTuple):
    """What came of it.

    Attributes:
        decisions: new, in order of time.
        problems: what of windows could not be read.
        contestants: that decisions were ever made of.
    """

    decisions: list[DecisionWindow]
    problems: list[str]
    contestants: set[str]


def merge(session: Session, stream: StreamKey, rules: TaskRules) -> Merged:
    """Decide on all that a decision can be made of."""
    of_stream = (Window.tenant == stream.tenant, Window.device == stream.device, Window.task == stream.task)
    rows = session.scalars(select(Window).where(*of_stream, not_(Window.decided))).all()
    by_contestant: defaultdict[str, list[Window]] = defaultdict(list)
    for row in rows:
        by_contestant[row.contestant or ANSWERS].append(row)
    decisions: dict[str, list[Decision]] = {}
    problems: list[str] = []
    spent: list[tuple[str, int]] = []
    for contestant, its in sorted(by_contestant.items()):
        reads = [read_window(row) for row in its]
        problems += [problem for one in reads for problem in one.problems]
        inputs = 0 if contestant == ANSWERS else rules.decision_inputs  # that nothing comes is a decision too
        decided = decide((one.window for one in reads), inputs=inputs, seconds=rules.decision_seconds)
        waiting = {one.identity for one in decided.waiting}
        spent += [(row.boot, row.sequence) for row in its if (row.boot, row.sequence) not in waiting]
        decisions[contestant] = decided.decisions
    last = _last_numbers(session, stream)
    made = [
        _row({**stream._asdict(), "contestant": contestant}, number, one)
        for contestant, its_own in decisions.items()
        for number, one in enumerate(its_own, last.get(contestant, 0) + 1)
    ]
    session.add_all(made)
    session.flush()
    _mark(session, stream, spent)
    seen = ({*last} | {one.contestant for one in made}) - {ANSWERS}
    return Merged(sorted(made, key=lambda one: (one.ended_at, one.contestant)), problems, seen)


def _last_numbers(session: Session, stream: StreamKey) -> dict[str, int]:
    of_stream = (getattr(DecisionWindow, name) == value for name, value in stream._asdict().items())
    query = select(DecisionWindow.contestant, func.max(DecisionWindow.number)).where(*of_stream)
    return {row[0]: row[1] for row in session.execute(query.group_by(DecisionWindow.contestant))}


def _row(key: dict[str, str], number: int, decision: Decision) -> DecisionWindow:
    sketches = decision.sketches
    return DecisionWindow(
        **key,
        number=number,
        bundle=None if decision.bundle is None else decision.bundle[:BUNDLE_CHARS].replace("\0", "�"),
        began_at=datetime.fromtimestamp(decision.began_s, UTC),
        ended_at=datetime.fromtimestamp(decision.ended_s, UTC),
        seconds=decision.seconds,
        count=decision.count,
        phi=None if sketches.phi is None else sketches.phi.to_bytes(),
        labels=None if sketches.labels is None else sketches.labels.to_bytes(),
        confidence=None if sketches.confidence is None else sketches.confidence.to_bytes(),
    )


def _mark(session: Session, stream: StreamKey, spent: Sequence[tuple[str, int]]) -> None:
    if not spent:
        return
    table: Any = Window.__table__
    statement = update(table).values(decided=True)
    statement = statement.where(
        table.c.tenant == stream.tenant,
        table.c.device == stream.device,
        table.c.boot == bindparam("of_boot"),
        table.c.sequence == bindparam("of_sequence"),
    )
    session.connection().execute(statement, [{"of_boot": boot, "of_sequence": number} for boot, number in spent])
