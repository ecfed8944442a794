"""Beginning anew: what comes from now on is the new normal, and alarms about what was are resolved.

A person says so, or says by the label `camera` of a device that it has another one: then all that its inputs show
begins anew, and how often they come does not.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.alarms import store
from roost_cloud.db.tables import DriftStream
from roost_cloud.drift.budget import SHARES, Kind
from roost_cloud.monitor.baselines import rebaseline

__all__ = ["CAMERA", "Anew", "another_camera", "begin_anew"]

CAMERA: Final = "camera"  # the label
_OF_INPUTS: Final[frozenset[Kind]] = frozenset({"input", "label_mix", "model"})


class Anew(NamedTuple):
    """What began.

    Attributes:
        devices: that had a baseline.
        resolved: alarms about what was.
    """

    devices: list[str]
    resolved: list[str]


def begin_anew(
    session: Session,
    tenant: str,
    devices: Collection[str],
    task: str,
    *,
    actor: str,
    note: str | None,
    now: datetime,
    kinds: Collection[Kind] = frozenset(SHARES),
) -> Anew:
    """Begin a task on some devices anew, by these kinds."""
    begun = rebaseline(session, tenant, devices, task, actor=actor, note=note, now=now, kinds=kinds)
    open_ones = [
        row
        for row in store.unresolved(session, tenant)
        if row.task == task and row.device in begun and row.kind in kinds
    ]
    for row in open_ones:
        store.resolve_alarm(session, tenant, row.id, actor=actor, note=note, now=now)
    return Anew(begun, [row.id for row in open_ones])


def another_camera(
    session: Session, tenant: str, device: str, before: str | None, after: str | None, *, actor: str, now: datetime
) -> None:
    """Begin a device's tasks anew if the label tells of another camera; the first that it tells of is no other."""
    if before is None or after is None or before == after:
        return
    of_device = (DriftStream.tenant == tenant, DriftStream.device == device)
    note = f"camera {after} in place of {before}"[:200]
    for task in session.scalars(select(DriftStream.task).where(*of_device).order_by(DriftStream.task)).all():
        begin_anew(session, tenant, [device], task, actor=actor, note=note, now=now, kinds=_OF_INPUTS)
