"""A rollout's devices in the database: columns and no objects, so that a hundred thousand are read in seconds."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from roost_cloud.db.tables import RolloutDevice, RolloutRow
from roost_cloud.rollouts import notes
from roost_cloud.rollouts.evidence import Gathered
from roost_cloud.rollouts.knowing import Entry
from roost_cloud.rollouts.states import Member

__all__ = [
    "Kept",
    "by_state",
    "decode",
    "devices",
    "due",
    "load",
    "of_device",
    "put",
    "put_assigned",
    "put_gathered",
    "tally",
]

_encoder: Final = msgspec.msgpack.Encoder()
_members: Final = msgspec.msgpack.Decoder(Member)
_gathered: Final = msgspec.msgpack.Decoder(Gathered)


class Kept(NamedTuple):
    """What is written down of a device in a rollout.

    Attributes:
        before: the bundle that the candidate takes the place of.
        limit_ms: the time there is for a score, in milliseconds.
        seen: MessagePack of what was seen of the candidate there.
    """

    before: str
    limit_ms: float | None
    seen: bytes | None

    @property
    def gathered(self) -> Gathered | None:
        """What was seen of the candidate there."""
        return None if self.seen is None else _gathered.decode(self.seen)


def load(session: Session, tenant: str, rollout: str) -> tuple[dict[str, Member], dict[str, Kept]]:
    """How its devices stand, and what else is kept of them, by name."""
    query = select(
        RolloutDevice.device,
        RolloutDevice.standing,
        RolloutDevice.before,
        RolloutDevice.limit_ms,
        RolloutDevice.seen,
    ).where(RolloutDevice.tenant == tenant, RolloutDevice.rollout == rollout)
    members, kept = {}, {}
    for device, standing, before, limit_ms, seen in session.execute(query):
        members[device] = _members.decode(standing)
        kept[device] = Kept(before, limit_ms, seen)
    return members, kept


def put(
    session: Session,
    row: RolloutRow,
    changed: Sequence[Member],
    members: Mapping[str, Member],
    joining: Mapping[str, Entry],
    *,
    actor: str,
    now: datetime,
) -> None:
    """Write down how devices stand; a change of a state is an event.

    Args:
        session: to write with.
        row: of the rollout.
        changed: as they stand now.
        members: as its devices stood.
        joining: of those that are new, what their assignment has in the contestant's place.
        actor: who says so.
        now: the time.
    """
    key = {"tenant": row.tenant, "rollout": row.id}
    new = [key | _new(joining[one.device]) | _values(one) for one in changed if one.device not in members]
    if new:
        session.execute(insert(RolloutDevice), new)
    known = [key | _values(one) for one in changed if one.device in members]
    if known:
        session.execute(update(RolloutDevice), known)
    transitions = [
        notes.Note(one.state, device=one.device, stage=one.stage, code=one.code, message=one.message)
        for one in changed
        if one.device not in members or members[one.device].state != one.state
    ]
    notes.put(session, row, transitions, actor=actor, now=now)


def put_gathered(session: Session, row: RolloutRow, gathered: Mapping[str, Gathered]) -> None:
    """Write down what was seen of the candidate on devices."""
    key = {"tenant": row.tenant, "rollout": row.id}
    seen = [key | {"device": device, "seen": _encoder.encode(one)} for device, one in gathered.items()]
    if seen:
        session.execute(update(RolloutDevice), seen)


def put_assigned(row: RolloutDevice, member: Member) -> None:
    """Write down which assignment a device was given; its state is what it was."""
    row.standing = _encoder.encode(member)
    row.is_due = False


def decode(row: RolloutDevice) -> Member:
    """How a device stands."""
    return _members.decode(row.standing)


def due(session: Session, tenant: str, rollout: str, limit: int) -> Sequence[str]:
    """Devices for which an assignment has yet to be written, at most `limit`."""
    query = select(RolloutDevice.device).where(
        RolloutDevice.tenant == tenant, RolloutDevice.rollout == rollout, RolloutDevice.is_due
    )
    return session.scalars(query.order_by(RolloutDevice.device).limit(limit)).all()


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


def tally(members: Iterable[Member]) -> dict[str, int]:
    """The same, of devices that are at hand."""
    return dict(Counter(one.state for one in members))


def of_device(
    session: Session, tenant: str, device: str, *, limit: int
) -> Collection[tuple[RolloutRow, RolloutDevice]]:
    """The rollouts that a device was in, the newest first."""
    query = (
        select(RolloutRow, RolloutDevice)
        .join(RolloutDevice, (RolloutDevice.tenant == RolloutRow.tenant) & (RolloutDevice.rollout == RolloutRow.id))
        .where(RolloutDevice.tenant == tenant, RolloutDevice.device == device)
    )
    return [(row[0], row[1]) for row in session.execute(query.order_by(RolloutRow.created_at.desc()).limit(limit))]


def _new(entry: Entry) -> dict[str, Any]:
    return {"before": entry.bundle or "", "limit_ms": entry.limit_ms, "seen": None}


def _values(member: Member) -> dict[str, Any]:
    is_due = member.target is not None and member.version is None and member.state != "left"
    return {
        "device": member.device,
        "state": member.state,
        "is_due": is_due,
        "standing": _encoder.encode(member),
    }
