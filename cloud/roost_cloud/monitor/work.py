"""A round of work: tasks on devices whose windows make a decision, each in a transaction of its own."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, not_, select
from sqlalchemy.orm import Session

from roost_cloud.db import Database
from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import Device, DriftStream, Window
from roost_cloud.guard import Pieces
from roost_cloud.monitor import settings as settings_room
from roost_cloud.monitor.baselines import Baselines
from roost_cloud.monitor.judging import Verdict, judge
from roost_cloud.monitor.merging import StreamKey, merge
from roost_cloud.monitor.policies import judged_of_task
from roost_cloud.monitor.raising import raise_if_so
from roost_cloud.monitor.references import References
from roost_cloud.monitor.settings import DriftSettings

__all__ = ["Done", "decide_stream", "due_streams", "work_round"]


class Done(NamedTuple):
    """What came of a stream.

    Attributes:
        verdicts: by kind and outcome.
        lags_s: of decisions: from the receipt of their last window until they were made, in seconds.
        alarms: raised.
        problems: what of windows could not be read.
    """

    verdicts: Counter[tuple[str, str]]
    lags_s: list[float]
    alarms: list[str]
    problems: list[str]


def work_round(
    database: Database,
    references: References,
    pieces: Pieces,
    now: Callable[[], datetime],
    stopping: Callable[[], bool],
) -> Iterator[tuple[StreamKey, Done]]:
    """Decide whatever a decision can be made of.

    Raises:
        DatabaseUnavailableError: the database is away; what was decided is stored.
        RoostError: of some stream nothing could be made; the others were decided.
    """
    references.begin_round()
    pieces.begin()
    with database.read() as session:
        due = due_streams(session)
    for stream in due:
        if stopping():
            return
        with pieces.piece(**stream._asdict()):
            with database.begin() as session:
                done = decide_stream(session, stream, references, now())
            if done is not None:
                yield stream, done
    pieces.end()


def due_streams(session: Session) -> list[StreamKey]:
    """Tasks on devices that have windows enough for a decision, perhaps."""
    columns = (Window.tenant, Window.device, Window.task)
    sums = (func.sum(Window.seconds), func.sum(Window.count))
    of_device = (Device.tenant == Window.tenant) & (Device.name == Window.device)
    query = select(*columns, Window.contestant, *sums).join(Device, of_device).where(not_(Window.decided))
    settings: dict[str, DriftSettings] = {}
    due: set[StreamKey] = set()
    for tenant, device, task, contestant, seconds, count in session.execute(
        query.group_by(*columns, Window.contestant)
    ):
        if tenant not in settings:
            settings[tenant] = settings_room.get(session, tenant)
        rules = settings[tenant].of(task)
        if seconds >= rules.decision_seconds and (contestant is None or count >= rules.decision_inputs):
            due.add(StreamKey(tenant, device, task))
    return sorted(due)


def decide_stream(session: Session, stream: StreamKey, references: References, now: datetime) -> Done | None:
    """Decide on a task of a device, its row nobody else's until the transaction ends; None if the device is gone."""
    tenant, device, task = stream
    of_device = (Device.tenant == tenant, Device.name == device)
    if session.scalar(select(Device.name).where(*of_device).with_for_update(read=True)) is None:
        return None
    insert_absent(session, DriftStream, tenant=tenant, device=device, task=task)
    session.get_one(DriftStream, tuple(stream), with_for_update=True)
    settings = settings_room.get(session, tenant)
    merged = merge(session, stream, settings.of(task))
    judged = judged_of_task(session, tenant, task, merged.contestants, device=device, now=now)
    baselines = Baselines(session, stream)
    verdicts = [
        verdict
        for one in merged.decisions
        for verdict in judge(session, one, baselines, judged, settings, references, now)
    ]
    session.flush()
    raised = [alarm for one in verdicts if (alarm := raise_if_so(session, one, judged, now)) is not None]
    return Done(
        Counter((one.row.kind, _outcome(one)) for one in verdicts),
        [(now - one.ended_at).total_seconds() for one in merged.decisions],
        [alarm.kind for alarm in raised],
        merged.problems,
    )


def _outcome(verdict: Verdict) -> str:
    if verdict.row.commissioning:
        return "commissioning"
    if verdict.row.threshold is None:
        return "not_judged"
    return "exceeded" if verdict.row.exceeded else "fine"
