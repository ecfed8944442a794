"""Rollouts in the database, each transition a row of its own; whoever wants to know is told."""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import BundleVersion, RolloutDevice, RolloutEvent, RolloutRow
from roost_cloud.errors import ConflictError, NotFoundError
from roost_cloud.events.publishing import publish
from roost_cloud.rollouts.counting import Count
from roost_cloud.rollouts.evidence import Gathered
from roost_cloud.rollouts.knowing import Entry, Subject
from roost_cloud.rollouts.plan import Plan, read_plan
from roost_cloud.rollouts.states import FINAL, UNDER_WAY, Finding, Member, Rollout

__all__ = [
    "Loaded",
    "RolloutUnderWayError",
    "by_state",
    "create",
    "decode_member",
    "decode_rollout",
    "devices",
    "events",
    "follow_on",
    "followed",
    "get",
    "load",
    "note",
    "of_device",
    "page",
    "put_assigned",
    "put_gathered",
    "put_member",
    "put_order",
    "put_standing",
    "subject_of",
]

_MESSAGE_CHARS: Final = 500
_CODE_CHARS: Final = 100
_encoder: Final = msgspec.msgpack.Encoder()
_rollouts: Final = msgspec.msgpack.Decoder(Rollout)
_members: Final = msgspec.msgpack.Decoder(Member)
_gathered: Final = msgspec.msgpack.Decoder(Gathered)


class RolloutUnderWayError(ConflictError):
    """Another rollout of the task has not ended; two at a time would undo each other's assignments."""

    code = "rollout.under_way"

    def __init__(self, rollout: str, task: str) -> None:
        super().__init__(f"rollout {rollout} of task {task} has not ended: wait for it, abort it, or revert it")
        self.rollout = rollout


@dataclass(frozen=True)
class Loaded:
    """A rollout with its devices.

    Attributes:
        row: its row, locked.
        plan: what people wrote.
        rollout: how it stands.
        rows: its devices' rows, by name.
        members: how they stand.
        gathered: what was seen of the candidate on them.
    """

    row: RolloutRow
    plan: Plan
    rollout: Rollout
    rows: dict[str, RolloutDevice]
    members: dict[str, Member]
    gathered: dict[str, Gathered]

    @property
    def befores(self) -> dict[str, tuple[str, float | None]]:
        """Of each device, the bundle that the candidate takes the place of, and the time for a score."""
        return {name: (row.before, row.limit_ms) for name, row in self.rows.items()}


def subject_of(row: RolloutRow) -> Subject:
    """What it is about."""
    bundle = f"{row.bundle_name}:{row.bundle_version}"
    return Subject(row.task, row.contestant, bundle, f"{bundle}@{row.bundle_digest}")


def create(
    session: Session,
    tenant: str,
    plan: Plan,
    raw: Mapping[str, Any],
    bundle: BundleVersion,
    predicted: float | None,
    *,
    actor: str,
    now: datetime,
) -> RolloutRow:
    """Begin a rollout; a director takes it from there.

    Args:
        session: to write with.
        tenant: whose.
        plan: read and checked.
        raw: the same as people wrote it.
        bundle: the candidate.
        predicted: share of inputs on which it is expected to disagree with what runs now; None: nobody said.
        actor: who begins it.
        now: the time.

    Raises:
        RolloutUnderWayError: another one of the task has not ended.
    """
    rollout = secrets.token_hex(8)
    values: dict[str, Any] = {
        "task": plan.task,
        "contestant": plan.contestant,
        "bundle_name": bundle.name,
        "bundle_version": bundle.version,
        "bundle_digest": bundle.digest,
        "predicted": predicted,
        "plan": dict(raw),
        "state": "running",
        "standing": _encoder.encode(Rollout(since=now)),
        "counts": {},
        "waits_for": {"says": []},
        "finding": {},
        "events": 0,
        "created_at": now,
        "created_by": actor,
        "looked_at": None,
        "ended_at": None,
        "followed": True,
    }
    if not insert_absent(session, RolloutRow, tenant=tenant, id=rollout, **values):
        query = select(RolloutRow.id).where(
            RolloutRow.tenant == tenant, RolloutRow.task == plan.task, RolloutRow.ended_at.is_(None)
        )
        raise RolloutUnderWayError(session.scalar(query) or "?", plan.task)
    row = session.get_one(RolloutRow, (tenant, rollout))
    note(
        session, row, "running", actor=actor, now=now, message=f"{bundle.name}:{bundle.version} for {plan.contestant}"
    )
    _tell(session, row, "rollout.started", now)
    return row


def get(session: Session, tenant: str, rollout: str) -> RolloutRow:
    """One rollout.

    Raises:
        NotFoundError: the tenant has none of that id.
    """
    row = session.get(RolloutRow, (tenant, rollout))
    if row is None:
        raise NotFoundError("rollout", rollout)
    return row


def page(
    session: Session, tenant: str, *, task: str | None = None, limit: int, after: str | None = None
) -> Sequence[RolloutRow]:
    """A tenant's rollouts, the newest first, behind `after`, at most `limit`."""
    query = select(RolloutRow).where(RolloutRow.tenant == tenant)
    if task is not None:
        query = query.where(RolloutRow.task == task)
    if after is not None:
        last = get(session, tenant, after)
        query = query.where(
            (RolloutRow.created_at < last.created_at)
            | ((RolloutRow.created_at == last.created_at) & (RolloutRow.id < last.id))
        )
    return session.scalars(query.order_by(RolloutRow.created_at.desc(), RolloutRow.id.desc()).limit(limit)).all()


def load(session: Session, tenant: str, rollout: str) -> Loaded | None:
    """A rollout, nobody else's until the transaction ends; None: another has it, or it is gone."""
    of_rollout = (RolloutRow.tenant == tenant, RolloutRow.id == rollout)
    row = session.scalar(select(RolloutRow).where(*of_rollout).with_for_update(skip_locked=True))
    if row is None:
        return None
    devices = select(RolloutDevice).where(RolloutDevice.tenant == tenant, RolloutDevice.rollout == rollout)
    rows = {one.device: one for one in session.scalars(devices)}
    return Loaded(
        row,
        read_plan(row.plan),
        _rollouts.decode(row.standing),
        rows,
        {name: _members.decode(one.standing) for name, one in rows.items()},
        {name: _gathered.decode(one.seen) for name, one in rows.items() if one.seen is not None},
    )


def put_standing(
    session: Session,
    loaded: Loaded,
    rollout: Rollout,
    count: Count,
    waits_for: Sequence[str],
    finding: Finding | None,
    *,
    problem: str | None,
    actor: str,
    now: datetime,
) -> None:
    """Write down how a rollout stands; what has changed is an event."""
    row, before = loaded.row, loaded.rollout
    row.standing = _encoder.encode(rollout)
    row.counts = {**asdict(count), "codes": [list(one) for one in count.codes]}
    row.waits_for = {"says": list(waits_for), "problem": problem}
    row.finding = {} if finding is None else {"verdict": finding.verdict, "says": list(finding.says)}
    row.looked_at = now
    if (rollout.state, rollout.stage) != (before.state, before.stage):
        row.state = rollout.state
        note(session, row, rollout.state, actor=actor, now=now, stage=rollout.stage, message=rollout.reason)
        _tell(session, row, f"rollout.{rollout.state}", now, reason=rollout.reason, stage=rollout.stage)
    is_over = rollout.state in FINAL
    row.ended_at = (row.ended_at or now) if is_over else None


def put_order(session: Session, row: RolloutRow, rollout: Rollout, what: str, *, actor: str, now: datetime) -> None:
    """Write down what a person has ordered.

    Raises:
        RolloutUnderWayError: it had ended, and another one of the task has not.
    """
    if row.ended_at is not None and rollout.state not in FINAL:
        query = select(RolloutRow.id).where(
            RolloutRow.tenant == row.tenant, RolloutRow.task == row.task, RolloutRow.ended_at.is_(None)
        )
        other = session.scalar(query)
        if other is not None:
            raise RolloutUnderWayError(other, row.task)
        row.ended_at = None
    row.standing = _encoder.encode(rollout)
    row.state = rollout.state
    row.followed = True
    note(session, row, rollout.state, actor=actor, now=now, stage=rollout.stage, message=what)
    _tell(session, row, f"rollout.{what}", now, by=actor, stage=rollout.stage)


def follow_on(loaded: Loaded, members: Iterable[Member]) -> None:
    """Say whether a director is to look at it again."""
    under_way = any(one.state in UNDER_WAY or one.state == "returning" for one in members)
    loaded.row.followed = loaded.row.ended_at is None or under_way


def put_member(
    session: Session, loaded: Loaded, member: Member, joining: Mapping[str, Entry], *, actor: str, now: datetime
) -> None:
    """Write down how a device stands; a change of its state is an event."""
    row = loaded.rows.get(member.device)
    was = None if row is None else row.state
    if row is None:
        entry = joining[member.device]
        row = loaded.rows[member.device] = RolloutDevice(
            tenant=loaded.row.tenant,
            rollout=loaded.row.id,
            device=member.device,
            before=entry.bundle or "",
            limit_ms=entry.limit_ms,
            state=member.state,
            is_due=False,
            standing=b"",
            seen=None,
        )
        session.add(row)
    row.state = member.state
    row.is_due = member.target is not None and member.version is None and member.state != "left"
    row.standing = _encoder.encode(member)
    if member.state != was:
        note(
            session,
            loaded.row,
            member.state,
            actor=actor,
            now=now,
            device=member.device,
            stage=member.stage,
            code=member.code,
            message=member.message,
        )


def put_gathered(loaded: Loaded, device: str, gathered: Gathered) -> None:
    """Write down what was seen of the candidate on a device."""
    loaded.rows[device].seen = _encoder.encode(gathered)


def put_assigned(row: RolloutDevice, member: Member) -> None:
    """Write down which assignment a device was given; its state is what it was."""
    row.standing = _encoder.encode(member)
    row.is_due = False


def decode_member(row: RolloutDevice) -> Member:
    """How a device stands."""
    return _members.decode(row.standing)


def decode_rollout(row: RolloutRow) -> Rollout:
    """How a rollout stands."""
    return _rollouts.decode(row.standing)


def note(
    session: Session,
    row: RolloutRow,
    became: str,
    *,
    actor: str,
    now: datetime,
    device: str | None = None,
    stage: int = -1,
    code: str | None = None,
    message: str | None = None,
) -> None:
    """Add an event."""
    row.events += 1
    event = RolloutEvent(
        tenant=row.tenant,
        rollout=row.id,
        number=row.events,
        at=now,
        actor=actor,
        device=device,
        became=became,
        stage=stage,
        code=None if code is None else code[:_CODE_CHARS],
        message=None if message is None else message.replace("\0", "")[:_MESSAGE_CHARS],
    )
    session.add(event)


def events(
    session: Session, tenant: str, rollout: str, *, device: str | None = None, limit: int, after: int = 0
) -> Sequence[RolloutEvent]:
    """A rollout's events in order, behind the number `after`, at most `limit`."""
    query = select(RolloutEvent).where(
        RolloutEvent.tenant == tenant, RolloutEvent.rollout == rollout, RolloutEvent.number > after
    )
    if device is not None:
        query = query.where(RolloutEvent.device == device)
    return session.scalars(query.order_by(RolloutEvent.number).limit(limit)).all()


def devices(
    session: Session, tenant: str, rollout: str, *, state: str | None = None, limit: int, after: str = ""
) -> Sequence[RolloutDevice]:
    """A rollout's devices by name, behind `after`, at most `limit`."""
    query = select(RolloutDevice).where(
        RolloutDevice.tenant == tenant, RolloutDevice.rollout == rollout, RolloutDevice.device > after
    )
    if state is not None:
        query = query.where(RolloutDevice.state == state)
    return session.scalars(query.order_by(RolloutDevice.device).limit(limit)).all()


def by_state(session: Session, tenant: str, rollout: str) -> dict[str, int]:
    """How many of its devices are in which state."""
    query = select(RolloutDevice.state, func.count()).where(
        RolloutDevice.tenant == tenant, RolloutDevice.rollout == rollout
    )
    return {row[0]: row[1] for row in session.execute(query.group_by(RolloutDevice.state))}


def of_device(session: Session, tenant: str, device: str, *, limit: int) -> Sequence[tuple[RolloutRow, RolloutDevice]]:
    """The rollouts that a device was in, the newest first."""
    query = (
        select(RolloutRow, RolloutDevice)
        .join(RolloutDevice, (RolloutDevice.tenant == RolloutRow.tenant) & (RolloutDevice.rollout == RolloutRow.id))
        .where(RolloutDevice.tenant == tenant, RolloutDevice.device == device)
    )
    return [(row[0], row[1]) for row in session.execute(query.order_by(RolloutRow.created_at.desc()).limit(limit))]


def followed(session: Session) -> Collection[tuple[str, str]]:
    """(tenant, id) of every rollout that a director is to look at."""
    query = select(RolloutRow.tenant, RolloutRow.id).where(RolloutRow.followed)
    return [(row[0], row[1]) for row in session.execute(query.order_by(RolloutRow.created_at))]


def _tell(session: Session, row: RolloutRow, kind: str, now: datetime, **more: Any) -> None:
    subject = subject_of(row)
    data = {"rollout": row.id, "task": row.task, "contestant": row.contestant, "bundle": subject.reference, **more}
    publish(session, row.tenant, kind, data, now)
