"""Rollouts in the database, each transition a row of its own; whoever wants to know is told."""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import BundleVersion, RolloutRow
from roost_cloud.errors import ConflictError, NotFoundError
from roost_cloud.events.publishing import publish
from roost_cloud.rollouts import members, notes
from roost_cloud.rollouts.knowing import Subject
from roost_cloud.rollouts.members import Kept
from roost_cloud.rollouts.plan import Plan, read_plan
from roost_cloud.rollouts.policy import Look
from roost_cloud.rollouts.ruling import Found
from roost_cloud.rollouts.states import FINAL, UNDER_WAY, Member, Rollout

__all__ = [
    "Loaded",
    "RolloutUnderWayError",
    "create",
    "decode_rollout",
    "follow_on",
    "followed",
    "get",
    "load",
    "page",
    "put_order",
    "put_standing",
    "subject_of",
]

_encoder: Final = msgspec.msgpack.Encoder()
_rollouts: Final = msgspec.msgpack.Decoder(Rollout)


class RolloutUnderWayError(ConflictError):
    """Another rollout of the task has not ended; two at a time would undo each other's assignments."""

    code = "rollout.under_way"

    def __init__(self, rollout: str, task: str) -> None:
        super().__init__(f"rollout {rollout} of task {task} has not ended: wait for it, abort it, or revert it")
        self.rollout = rollout


class Loaded(NamedTuple):
    """A rollout with its devices.

    Attributes:
        row: its row, locked.
        plan: what people wrote.
        rollout: how it stands.
        members: how its devices stand, by name.
        kept: what else is written down of them.
    """

    row: RolloutRow
    plan: Plan
    rollout: Rollout
    members: dict[str, Member]
    kept: dict[str, Kept]

    @property
    def befores(self) -> dict[str, tuple[str, float | None]]:
        """Of each device, the bundle that the candidate takes the place of, and the time for a score."""
        return {name: (one.before, one.limit_ms) for name, one in self.kept.items()}


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
        "labels": {},
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
    begun = notes.Note("running", message=f"{bundle.name}:{bundle.version} for {plan.contestant}")
    notes.put(session, row, [begun], actor=actor, now=now)
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
    return Loaded(row, read_plan(row.plan), _rollouts.decode(row.standing), *members.load(session, tenant, rollout))


def put_standing(
    session: Session,
    loaded: Loaded,
    looked: Look,
    found: Found | None,
    *,
    problem: str | None,
    actor: str,
    now: datetime,
) -> None:
    """Write down how a rollout stands; what has changed is an event."""
    row, before, rollout = loaded.row, loaded.rollout, looked.rollout
    row.standing = _encoder.encode(rollout)
    row.counts = {**asdict(looked.count), "codes": [list(one) for one in looked.count.codes]}
    row.waits_for = {"says": list(looked.waits_for), "problem": problem}
    if found is not None:  # what was found last is why it went back, where it has
        row.finding = msgspec.to_builtins(found.finding)
        row.labels = {**row.labels, str(before.stage): found.ruled._asdict()}
    row.looked_at = now
    if (rollout.state, rollout.stage) != (before.state, before.stage):
        row.state = rollout.state
        became = notes.Note(rollout.state, stage=rollout.stage, message=rollout.reason)
        notes.put(session, row, [became], actor=actor, now=now)
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
    ordered = notes.Note(rollout.state, stage=rollout.stage, message=what)
    notes.put(session, row, [ordered], actor=actor, now=now)
    _tell(session, row, f"rollout.{what}", now, by=actor, stage=rollout.stage)


def follow_on(row: RolloutRow, standing: Iterable[Member]) -> None:
    """Say whether a director is to look at it again."""
    under_way = any(one.state in UNDER_WAY or one.state == "returning" for one in standing)
    row.followed = row.ended_at is None or under_way


def decode_rollout(row: RolloutRow) -> Rollout:
    """How a rollout stands."""
    return _rollouts.decode(row.standing)


def followed(session: Session) -> Collection[tuple[str, str]]:
    """(tenant, id) of every rollout that a director is to look at."""
    query = select(RolloutRow.tenant, RolloutRow.id).where(RolloutRow.followed)
    return [(row[0], row[1]) for row in session.execute(query.order_by(RolloutRow.created_at))]


def _tell(session: Session, row: RolloutRow, kind: str, now: datetime, **more: Any) -> None:
    subject = subject_of(row)
    data = {"rollout": row.id, "task": row.task, "contestant": row.contestant, "bundle": subject.reference, **more}
    publish(session, row.tenant, kind, data, now)
