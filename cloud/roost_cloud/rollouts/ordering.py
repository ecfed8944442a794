"""A person's orders to a rollout, in the database: each an event, told to hooks, and in the record of changes."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from roost_cloud.db.tables import RolloutRow
from roost_cloud.errors import NotFoundError
from roost_cloud.people import audit
from roost_cloud.rollouts import store
from roost_cloud.rollouts.orders import WrongMomentError, abort, approve, pause, resume, revert
from roost_cloud.rollouts.plan import Plan, read_plan
from roost_cloud.rollouts.states import Rollout

__all__ = ["ORDERS", "order", "possible"]

_Order = Callable[[Plan, Rollout, datetime], Rollout]
ORDERS: dict[str, _Order] = {
    "pause": lambda _, rollout, now: pause(rollout, now),
    "resume": lambda _, rollout, now: resume(rollout, now),
    "approve": lambda plan, rollout, _: approve(plan, rollout),
    "abort": lambda _, rollout, now: abort(rollout, now),
    "revert": lambda _, rollout, now: revert(rollout, now),
}


def possible(plan: Plan, rollout: Rollout, now: datetime) -> list[str]:
    """The orders that would change something now."""
    return [what for what in ORDERS if _changes(what, plan, rollout, now)]


def _changes(what: str, plan: Plan, rollout: Rollout, now: datetime) -> bool:
    try:
        return ORDERS[what](plan, rollout, now) != rollout
    except WrongMomentError:
        return False


def order(session: Session, tenant: str, rollout: str, what: str, *, actor: str, now: datetime) -> RolloutRow:
    """Give an order; a director carries it out.

    Args:
        session: to write with.
        tenant: whose.
        rollout: its id.
        what: one of `ORDERS`.
        actor: who gives it.
        now: the time.

    Raises:
        NotFoundError: the tenant has no such rollout.
        WrongMomentError: it cannot be done now.
        RolloutUnderWayError: another one of the task is under way, and this one had ended.
    """
    row = session.get(RolloutRow, (tenant, rollout), with_for_update=True)
    if row is None:
        raise NotFoundError("rollout", rollout)
    before = store.decode_rollout(row)
    after = ORDERS[what](read_plan(row.plan), before, now)
    store.put_order(session, row, after, what, actor=actor, now=now)
    audit.record(
        session, tenant=tenant, actor=actor, action=f"rollout.{what}", subject=rollout, now=now, task=row.task
    )
    return row
