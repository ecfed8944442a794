"""Opening runs: by alarms, dates and labels in rounds of work, and by people. Any number of workers may go round."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from roost_cloud.db import Database
from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import Alarm, BundleVersion, TrainingAlarm, TrainingPolicy, TrainingRun
from roost_cloud.guard import typed
from roost_cloud.labels.deciding import count_new
from roost_cloud.registry import running
from roost_cloud.registry.following import follow
from roost_cloud.runs import policies, store
from roost_cloud.runs.openings import Due, Finding, Situation, due
from roost_cloud.runs.policy import RunPolicy
from roost_cloud.runs.stepping import step
from roost_cloud.runs.store import NewRun, RunOpenError
from roost_shared.clock import Clock
from roost_shared.complaints import Complaints
from roost_shared.errors import ContentError, RoostError

__all__ = ["KINDS", "NoIncumbentError", "Opener", "Wish", "open_by_person"]

KINDS: Final = ("input", "model")  # of alarms that training may help against
ACTOR: Final = "trainer"
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FOLDING: Final = frozenset({"proposed", "waiting", "queued"})


class NoIncumbentError(ContentError):
    """It is not known which version a run should start from."""

    code = "run.no_incumbent"


class Wish(NamedTuple):
    """What a person asks for; None: as the task's policy says.

    Attributes:
        bundle: the incumbent, `NAME@ALIAS` or `NAME:VERSION`.
        since: when the world changed.
        devices: on which it did.
        seed: of whatever the trainer draws.
        reason: why.
    """

    bundle: str | None = None
    since: datetime | None = None
    devices: Sequence[str] | None = None
    seed: int = 0
    reason: str | None = None


_NONE: Final = Wish()


def open_by_person(
    session: Session, tenant: str, task: str, policy: RunPolicy, wish: Wish, *, actor: str, now: datetime
) -> TrainingRun:
    """Open a run because somebody asks for it; alarms of the task that no run has seen to join it.

    Raises:
        RunOpenError: one of the task is open.
        NoIncumbentError: neither the person, nor the policy, nor an alarm says what to start from, or it is of another
            task.
        NotFoundError: the registry lacks the version that they say.
    """
    findings = _findings(session, tenant, task, now)
    asked = Due("person", wish.reason or "somebody asked for it", findings)
    incumbent = _incumbent(session, tenant, task, wish.bundle or policy.bundle, findings)
    new = _new(tenant, task, policy, asked, incumbent, wish)
    return store.open_run(session, new, actor=actor, now=now)


class Opener:
    """Goes round the tasks.

    Args:
        database: where they are.
        clock: tells the time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._complaints = Complaints(clock)

    def go_round(self) -> list[TrainingRun]:
        """Open what is due, and let those go on that waited for labels.

        Returns:
            What was opened.

        Raises:
            DatabaseUnavailableError: the database is away.
        """
        now = self._clock.wall()
        with self._database.read() as session:
            tasks = _tasks(session, now)
        opened = []
        for tenant, task in tasks:
            try:
                with self._database.begin() as session:
                    run = consider(session, tenant, task, now)
            except RunOpenError:
                continue  # somebody was first
            except ContentError as error:
                self._complaints.note(error.code, f"task {task} of {tenant}: {error}")
                continue
            except RoostError:
                raise
            except Exception as raised:  # noqa: BLE001 - the boundary of a task: the others get their runs
                fault = typed(raised, tenant=tenant, task=task)
                self._complaints.note(fault.code, f"task {task} of {tenant}: {fault}")
                continue
            opened += [] if run is None else [run]
        return opened


def consider(session: Session, tenant: str, task: str, now: datetime) -> TrainingRun | None:
    """Open a run of a task, if it is due; else see to the one that is open.

    Raises:
        RunOpenError: somebody opened one at this moment.
        ContentError: one is due, and cannot be opened.
    """
    policy = policies.get(session, tenant, task)
    open_one = store.open_run_of(session, tenant, task)
    if open_one is not None:
        _see_to(session, store.locked(session, tenant, open_one.id), policy, now)
        return None
    reason = due(policy, _situation(session, tenant, task, policy, now), now)
    if reason is None:
        return None
    try:
        incumbent = _incumbent(session, tenant, task, policy.bundle, reason.alarms)
    except NoIncumbentError:
        if policies.is_stated(session, tenant, task):
            raise
        return None  # nobody has asked for anything of this task, and its bundle is not of the registry
    new = _new(tenant, task, policy, reason, incumbent)
    return store.open_run(session, new, actor=ACTOR, now=now)


def _see_to(session: Session, row: TrainingRun, policy: RunPolicy, now: datetime) -> None:
    """Fold new alarms into an open run, and let it go on if it waited for labels that have come."""
    if row.state in _FOLDING and row.snapshot is None and policy.alarms:
        for finding in _findings(session, row.tenant, row.task, now):
            insert_absent(session, TrainingAlarm, tenant=row.tenant, alarm=finding.id, run=row.id)
            row.since = min(row.since, finding.since)
            if row.devices is not None:
                row.devices = sorted({*row.devices, finding.device})
    if row.state != "waiting":
        return
    wanted, had = store.policy_of(row).labels_wanted, row.labels_had or 0
    came = count_new(session, row.tenant, row.task, row.due_at)
    if came and had + came >= wanted:
        row.ready_at = row.due_at = now
        step(session, row, "supply", actor=ACTOR, why=f"{came} labels have come", now=now)
    elif came:
        row.what = f"needs {wanted} labels, has {had + came}"


def _tasks(session: Session, now: datetime) -> list[tuple[str, str]]:
    """Tasks that have a policy, an alarm that no run has seen to, or a run that waits for labels."""
    queries = (
        select(TrainingPolicy.tenant, TrainingPolicy.task),
        select(Alarm.tenant, Alarm.task).where(*_unseen(now)),
        select(TrainingRun.tenant, TrainingRun.task).where(TrainingRun.ended_at.is_(None)),
    )
    return sorted({(row[0], row[1]) for query in queries for row in session.execute(query.distinct())})


def _unseen(now: datetime) -> Sequence[ColumnElement[bool]]:
    of_alarm = and_(TrainingAlarm.tenant == Alarm.tenant, TrainingAlarm.alarm == Alarm.id)
    seen = select(TrainingAlarm.alarm).where(of_alarm)
    unmuted = or_(Alarm.muted_until.is_(None), Alarm.muted_until <= now)
    return (Alarm.kind.in_(KINDS), Alarm.state != "resolved", unmuted, ~seen.exists())


def _findings(session: Session, tenant: str, task: str, now: datetime) -> list[Finding]:
    of_task = select(Alarm).where(Alarm.tenant == tenant, Alarm.task == task, *_unseen(now))
    rows = session.scalars(of_task.order_by(Alarm.since, Alarm.id)).all()
    return [
        Finding(row.id, row.device, row.since, str(row.explanation.get("summary", "")), row.bundle) for row in rows
    ]


def _situation(session: Session, tenant: str, task: str, policy: RunPolicy, now: datetime) -> Situation:
    of_task = (TrainingRun.tenant == tenant, TrainingRun.task == task)
    newest = select(TrainingRun.opened_at).where(*of_task).order_by(TrainingRun.opened_at.desc()).limit(1)
    last_opened_at = session.scalar(newest)
    began_at = session.scalar(
        select(TrainingPolicy.updated_at).where(TrainingPolicy.tenant == tenant, TrainingPolicy.task == task)
    )
    new_labels = 0
    if policy.new_labels is not None:
        new_labels = count_new(session, tenant, task, last_opened_at or _EVER)
    findings = _findings(session, tenant, task, now) if policy.alarms else []
    return Situation(findings, last_opened_at, began_at or now, new_labels)


def _incumbent(
    session: Session, tenant: str, task: str, named: str | None, findings: Sequence[Finding]
) -> BundleVersion:
    if named is not None:
        found = follow(session, tenant, named)
        if found.task not in (None, task):
            raise NoIncumbentError(f"{named} is for task {found.task}, and not for {task}")
        return found
    for finding in findings:
        version = running.version_of(session, tenant, finding.bundle)
        if version is not None:
            return version
    raise NoIncumbentError("it is not known what to start from: say --bundle NAME@ALIAS, or name one in the policy")


def _new(
    tenant: str, task: str, policy: RunPolicy, reason: Due, incumbent: BundleVersion, wish: Wish = _NONE
) -> NewRun:
    """A run; the changed world is all that came since the incumbent, unless somebody or an alarm knows better."""
    devices = reason.devices if wish.since is None else None
    if wish.devices is not None:
        devices = sorted(set(wish.devices))
    return NewRun(
        tenant=tenant,
        task=task,
        policy=policy,
        cause=reason.cause,
        reason=reason.reason,
        incumbent=incumbent,
        since=wish.since or reason.since or incumbent.created_at,
        devices=devices,
        seed=wish.seed,
        alarms=[finding.id for finding in reason.alarms],
    )
