"""Handing samples out: each to one person at a time, for a while; whoever labels it gives it back by that."""

from datetime import datetime, timedelta
from random import Random
from typing import Final

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from roost_cloud.db import Database
from roost_cloud.db.insert import insert_absent
from roost_cloud.db.tables import LabelClaim, SampleInput
from roost_cloud.labels.queue import Handed, draw, draw_alike
from roost_cloud.labels.waiting import Asked, read_pool

__all__ = ["inform", "take"]

_TRIES: Final = 3  # where others take the same samples at the same moment


def take(
    database: Database,
    tenant: str,
    asked: Asked,
    *,
    count: int,
    for_s: float,
    now: datetime,
    random: Random,
) -> list[tuple[Handed, SampleInput]]:
    """Choose samples for somebody, which nobody else is handed until then. Commits by itself.

    Args:
        database: where they are.
        tenant: whose.
        asked: which, and for whom.
        count: how many; fewer where there are fewer.
        for_s: how long they are that person's, in seconds.
        now: server time.
        random: draws.
    """
    taken: list[tuple[Handed, SampleInput]] = []
    for _ in range(_TRIES):
        with database.read() as session:
            pool = read_pool(session, tenant, asked, now)
        wanted = count - len(taken)
        if asked.among is None:
            handed = draw(pool.waiting, pool.labelled, wanted, random)
        else:
            handed = draw_alike(pool.waiting, wanted, random)
        with database.begin() as session:
            _forget_old(session, tenant, now)
            taken += _claim(session, tenant, handed, asked.source, now + timedelta(seconds=for_s))
        if len(taken) == count or len(pool.waiting) <= len(handed):
            break
    return taken


def inform(session: Session, tenant: str, device: str, sample: str, source: str) -> None:
    """Note that somebody who has been handed a sample is shown what models say of it: their label is not blind."""
    mine = (
        LabelClaim.tenant == tenant,
        LabelClaim.device == device,
        LabelClaim.sample == sample,
        LabelClaim.source == source,
    )
    session.execute(update(LabelClaim).where(*mine).values(informed=True))


def _forget_old(session: Session, tenant: str, now: datetime) -> None:
    session.execute(delete(LabelClaim).where(LabelClaim.tenant == tenant, LabelClaim.until <= now))


def _claim(
    session: Session, tenant: str, handed: list[Handed], source: str, until: datetime
) -> list[tuple[Handed, SampleInput]]:
    """Those of which nobody was faster."""
    won: list[tuple[Handed, SampleInput]] = []
    # In one order for all, so that two who claim the same samples never wait for each other.
    for one in sorted(handed, key=lambda each: each.waiting[:2]):
        key = {"tenant": tenant, "device": one.waiting.device, "sample": one.waiting.sample}
        place = session.get(SampleInput, tuple(key.values()))
        if place is None:
            continue  # it has expired since
        if insert_absent(session, LabelClaim, **key, source=source, drawn=one.drawn, informed=False, until=until):
            won.append((one, place))
    order = {one.waiting[:2]: number for number, one in enumerate(handed)}
    return sorted(won, key=lambda pair: order[pair[0].waiting[:2]])
