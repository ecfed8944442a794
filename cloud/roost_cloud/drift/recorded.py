"""Windows as devices told of them, from the database: by device, then in the order they were made."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import literal, select, tuple_
from sqlalchemy.orm import Session

from roost_cloud.db.tables import Window
from roost_shared.errors import ContentError

__all__ = ["BadWindowPlaceError", "WindowPlace", "page", "parse_place"]

_FORM: Final = re.compile(r"([A-Za-z0-9_-]{1,64})\.([0-9]{1,18})\.([a-z0-9._-]{1,63})")


class BadWindowPlaceError(ContentError):
    """It is no place in the list of windows."""

    code = "windows.bad_place"


class WindowPlace(NamedTuple):
    """A window's own place: the list is in this order."""

    device: str
    boot: str
    sequence: int

    def __str__(self) -> str:
        """As `parse_place` reads it."""
        return f"{self.boot}.{self.sequence}.{self.device}"


def parse_place(text: str) -> WindowPlace:
    """Read it.

    Raises:
        BadWindowPlaceError: it is none.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise BadWindowPlaceError("`after` has to be the `next` of another page of windows")
    return WindowPlace(found[3], found[1], int(found[2]))


def page(
    session: Session,
    tenant: str,
    task: str,
    since: datetime,
    until: datetime,
    *,
    limit: int,
    after: WindowPlace | None,
) -> Sequence[Window]:
    """A tenant's windows of a task.

    Args:
        session: to read with.
        tenant: whose.
        task: of which.
        since: received then or later.
        until: received before.
        limit: at most so many.
        after: only what stands behind this.
    """
    query = select(Window).where(
        Window.tenant == tenant, Window.task == task, Window.received_at >= since, Window.received_at < until
    )
    if after is not None:
        query = query.where(Window.device >= after.device)  # for the key; the next line for what is equal
        query = query.where(tuple_(Window.device, Window.boot, Window.sequence) > tuple_(*map(literal, after)))
    return session.scalars(query.order_by(Window.device, Window.boot, Window.sequence).limit(limit)).all()
