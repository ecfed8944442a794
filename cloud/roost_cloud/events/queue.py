"""What is due to be told, taken so that nobody else takes it meanwhile, and what became of it."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import delete, select, tuple_
from sqlalchemy.orm import Session

from roost_cloud.db.tables import Event, Hook, HookDelivery
from roost_cloud.events.patience import next_try

__all__ = ["LEASE", "Due", "HookKey", "accept", "forget", "is_any_due", "put_off", "take"]

LEASE: Final = timedelta(minutes=2)  # longer than a telling takes; whoever dies over one, another takes it then
_KEPT: Final = timedelta(days=14)  # that an event is remembered
_AT_ONCE: Final = 1000


HookKey = tuple[str, str]  # tenant and id


class Due(NamedTuple):
    """A telling that is ours for the length of a lease."""

    hook: Hook
    event: Event
    attempts: int  # this one included


def is_any_due(session: Session, now: datetime) -> bool:
    """Whether there is anything to take."""
    query = select(HookDelivery.hook).where(HookDelivery.state == "pending", HookDelivery.due_at <= now)
    return session.scalar(query.limit(1)) is not None


def take(session: Session, now: datetime, *, limit: int, but: Collection[HookKey] = ()) -> Sequence[Due]:
    """Take what is due of one hook, whose tellings wait longest; the longest due first.

    Args:
        session: that may write.
        now: server time.
        limit: at most so many.
        but: not of these hooks.
    """
    key = (HookDelivery.tenant, HookDelivery.hook)
    query = select(HookDelivery).where(HookDelivery.state == "pending", HookDelivery.due_at <= now)
    others = query.where(tuple_(*key).not_in(list(but))) if but else query
    first = session.scalar(others.order_by(HookDelivery.due_at).limit(1).with_for_update(skip_locked=True))
    if first is None:
        return []
    query = query.where(HookDelivery.tenant == first.tenant, HookDelivery.hook == first.hook)
    rows = session.scalars(query.order_by(HookDelivery.due_at).limit(limit).with_for_update(skip_locked=True)).all()
    taken: list[Due] = []
    for row in rows:
        row.attempts += 1
        row.due_at = now + LEASE
        hook = session.get_one(Hook, (row.tenant, row.hook))
        taken.append(Due(hook, session.get_one(Event, (row.tenant, row.event)), row.attempts))
    return taken


def accept(session: Session, due: Due) -> None:
    """Note that a receiver has it."""
    row = _row(session, due)
    if row is not None:
        row.state, row.problem = "accepted", None


def put_off(session: Session, due: Due, problem: str, now: datetime, *, draw: float, is_final: bool = False) -> bool:
    """Note that a receiver does not have it, and try again later, unless it has been tried for long enough.

    Returns:
        Whether it is given up.
    """
    row = _row(session, due)
    if row is None or row.state != "pending":
        return False
    again = None if is_final else next_try(due.attempts, row.created_at, now, draw)
    row.problem = problem[:200].replace("\0", "�")
    if again is None:
        row.state = "given_up"
    else:
        row.due_at = again
    return again is None


def forget(session: Session, now: datetime) -> int:
    """Remove old events, with what became of them.

    Returns:
        How many.
    """
    old = select(Event.tenant, Event.id).where(Event.at < now - _KEPT).limit(_AT_ONCE)
    gone = session.execute(old).all()
    for tenant, event in gone:
        session.execute(delete(Event).where(Event.tenant == tenant, Event.id == event))
    return len(gone)


def _row(session: Session, due: Due) -> HookDelivery | None:
    """The row, if the hook was not deleted meanwhile."""
    return session.get(HookDelivery, (due.hook.tenant, due.hook.id, due.event.id), with_for_update=True)
