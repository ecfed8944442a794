"""Aliases: names that people and rollouts follow (`stable`), moved from version to version, every move kept."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import Alias, AliasMove
from roost_cloud.errors import NotFoundError
from roost_cloud.people import audit
from roost_cloud.registry import versions
from roost_cloud.registry.reference import Reference
from roost_cloud.registry.use import check_unused
from roost_shared.topics import check_name

__all__ = ["delete", "history", "move", "of_bundle", "of_versions"]


def move(session: Session, tenant: str, name: str, alias: str, version: str, *, actor: str, now: datetime) -> Alias:
    """Point an alias at a version; to where it points already is no move.

    Raises:
        BadNameError: `alias` is no name.
        NotFoundError: there is no such version.
    """
    check_name(alias, "alias")
    versions.lock(session, tenant, name, version)
    while True:
        created = insert_absent(
            session, Alias, tenant=tenant, name=name, alias=alias, version=version, moved_at=now, moved_by=actor
        )
        row = session.get(Alias, (tenant, name, alias), with_for_update=True)
        if row is not None:
            break  # else it was deleted since
    before = None if created else row.version
    if before == version:
        return row
    row.version, row.moved_at, row.moved_by = version, now, actor
    _note(session, row, before, version, actor=actor, now=now)
    return row


def delete(session: Session, tenant: str, name: str, alias: str, *, actor: str, now: datetime) -> None:
    """Remove an alias; its history stays.

    Raises:
        NotFoundError: there is none.
        InUseError: a task names it.
    """
    row = session.get(Alias, (tenant, name, alias), with_for_update=True)
    if row is None:
        raise NotFoundError("alias", f"{name}@{alias}")
    check_unused(session, tenant, Reference(name, "@", alias))
    _note(session, row, row.version, None, actor=actor, now=now)
    session.delete(row)


def of_bundle(session: Session, tenant: str, name: str, *, limit: int, after: str | None = None) -> Sequence[Alias]:
    """A bundle's aliases by name, behind `after`, at most `limit`."""
    query = select(Alias).where(Alias.tenant == tenant, Alias.name == name)
    if after is not None:
        query = query.where(Alias.alias > after)
    return session.scalars(query.order_by(Alias.alias).limit(limit)).all()


def of_versions(session: Session, tenant: str, name: str, of: Sequence[str]) -> dict[str, list[str]]:
    """Which aliases point at each of some versions."""
    query = select(Alias).where(Alias.tenant == tenant, Alias.name == name, Alias.version.in_(of))
    found: dict[str, list[str]] = {version: [] for version in of}
    for row in session.scalars(query.order_by(Alias.alias)):
        found[row.version].append(row.alias)
    return found


def history(
    session: Session, tenant: str, name: str, alias: str, *, limit: int, before: int | None = None
) -> Sequence[AliasMove]:
    """An alias's moves, the newest first, also of one that was deleted.

    Args:
        session: to read with.
        tenant: whose.
        name: the bundle's.
        alias: which.
        limit: at most so many.
        before: only moves with a smaller id.

    Raises:
        NotFoundError: there never was one of that name.
    """
    query = select(AliasMove).where(AliasMove.tenant == tenant, AliasMove.name == name, AliasMove.alias == alias)
    if before is not None:
        query = query.where(AliasMove.id < before)
    moves = session.scalars(query.order_by(AliasMove.id.desc()).limit(limit)).all()
    if not moves and before is None:
        raise NotFoundError("alias", f"{name}@{alias}")
    return moves


def _note(session: Session, row: Alias, before: str | None, after: str | None, *, actor: str, now: datetime) -> None:
    session.add(
        AliasMove(
            tenant=row.tenant,
            name=row.name,
            alias=row.alias,
            from_version=before,
            to_version=after,
            moved_at=now,
            moved_by=actor,
        )
    )
    audit.record(
        session,
        tenant=row.tenant,
        actor=actor,
        action="alias.delete" if after is None else "alias.move",
        subject=f"{row.name}@{row.alias}",
        now=now,
        before=before,
        after=after,
    )
