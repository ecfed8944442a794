"""Transitions of rollouts and of their devices, each a row, numbered in their rollout."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import RolloutEvent, RolloutRow

__all__ = ["Note", "events", "put"]

_MESSAGE_CHARS: Final = 500
_CODE_CHARS: Final = 100


class Note(NamedTuple):
    """A transition.

    Attributes:
        became: the state, or what was ordered.
        device: of which; None: of the rollout itself.
        stage: at which it was; -1: none.
        code: why.
        message: the same for people.
    """

    became: str
    device: str | None = None
    stage: int = -1
    code: str | None = None
    message: str | None = None


def put(session: Session, row: RolloutRow, noted: Sequence[Note], *, actor: str, now: datetime) -> None:
    """Add transitions to a rollout's, whose row is locked."""
    if not noted:
        return
    first = row.events + 1
    row.events += len(noted)
    session.execute(
        insert(RolloutEvent),
        [
            {
                "tenant": row.tenant,
                "rollout": row.id,
                "number": number,
                "at": now,
                "actor": actor,
                "device": one.device,
                "became": one.became,
                "stage": one.stage,
                "code": None if one.code is None else one.code[:_CODE_CHARS],
                "message": None if one.message is None else one.message.replace("\0", "")[:_MESSAGE_CHARS],
            }
            for number, one in enumerate(noted, first)
        ],
    )


def events(
    session: Session,
    tenant: str,
    rollout: str,
    *,
    device: str | None = None,
    limit: int,
    after: int = 0,
    newest: bool = False,
) -> Sequence[RolloutEvent]:
    """A rollout's transitions in order, behind the number `after`, at most `limit`; or from the last one back."""
    query = select(RolloutEvent).where(RolloutEvent.tenant == tenant, RolloutEvent.rollout == rollout)
    if device is not None:
        query = query.where(RolloutEvent.device == device)
    if after:
        query = query.where(RolloutEvent.number < after if newest else RolloutEvent.number > after)
    order = RolloutEvent.number.desc() if newest else RolloutEvent.number
    return session.scalars(query.order_by(order).limit(limit)).all()
