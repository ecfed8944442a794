"""Which of the dashboard's sessions were signed out of: their cookies are good until they end, wherever they lie."""

from datetime import datetime
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import EndedSession

__all__ = ["end", "has_ended"]

_PRUNED_AT_ONCE: Final = 100


def end(session: Session, identity: str, *, expires_at: datetime, now: datetime) -> None:
    """End a session for every browser; again is no error. Those whose cookies are no good any more are forgotten.

    Args:
        session: to write with.
        identity: the dashboard session's.
        expires_at: when it would have ended.
        now: when.
    """
    insert_absent(session, EndedSession, id=identity, expires_at=expires_at)
    old = select(EndedSession.id).where(EndedSession.expires_at <= now).limit(_PRUNED_AT_ONCE)
    session.execute(delete(EndedSession).where(EndedSession.id.in_(old.with_for_update(skip_locked=True))))


def has_ended(session: Session, identity: str) -> bool:
    """Whether somebody has signed out of it."""
    return session.get(EndedSession, identity) is not None
