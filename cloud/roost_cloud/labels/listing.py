"""A page of what was said of samples, the newest first, as it was said."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import Label
from roost_cloud.labels.said import Kind

__all__ = ["Chosen", "page"]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which; None means any."""

    task: str | None = None
    device: str | None = None
    sample: str | None = None
    kind: Kind | None = None
    source: str | None = None


def page(session: Session, tenant: str, chosen: Chosen, *, limit: int, before: int | None = None) -> Sequence[Label]:
    """A tenant's labels.

    Args:
        session: to read with.
        tenant: whose.
        chosen: which.
        limit: at most so many.
        before: only those with a smaller id.
    """
    equal = {
        Label.task: chosen.task,
        Label.device: chosen.device,
        Label.sample: chosen.sample,
        Label.kind: chosen.kind,
        Label.source: chosen.source,
    }
    query = select(Label).where(
        Label.tenant == tenant, *(column == value for column, value in equal.items() if value is not None)
    )
    if before is not None:
        query = query.where(Label.id < before)
    return session.scalars(query.order_by(Label.id.desc()).limit(limit)).all()
