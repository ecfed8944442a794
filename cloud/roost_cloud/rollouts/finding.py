"""What the gate makes of a candidate, by what the database has of it: windows, reports and labels."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from roost_cloud.db.tables import Window
from roost_cloud.rollouts import members, store
from roost_cloud.rollouts.evidence import Gathered, RawWindow, gather
from roost_cloud.rollouts.facts import Known
from roost_cloud.rollouts.gate import Seen, judge
from roost_cloud.rollouts.knowing import Subject
from roost_cloud.rollouts.proof import counted
from roost_cloud.rollouts.ruling import Found, Ruled, rule
from roost_cloud.rollouts.states import GOING_ON, Member

__all__ = ["find", "gather_windows"]

_OVERLAP: Final = timedelta(minutes=1)  # that transactions which stored windows may have taken
_NO_LIMIT_MS: Final = 1e12


def gather_windows(session: Session, loaded: store.Loaded, subject: Subject, now: datetime) -> dict[str, Seen]:
    """What windows tell of the candidate on the devices that have it, by name; what is new is written down.

    Args:
        session: to read and write with.
        loaded: the rollout.
        subject: of it.
        now: the time.
    """
    windows = _windows(session, loaded, subject, now)
    seen: dict[str, Seen] = {}
    changed: dict[str, Gathered] = {}
    for name, member in loaded.members.items():
        if not _has_candidate(member):
            continue
        kept = loaded.kept[name]
        before = kept.gathered
        if before is None or before.stage != member.stage:
            before = Gathered(seen=Seen(device=name), stage=member.stage)
        gathered = before
        if name in windows:
            gathered = gather(
                before,
                windows[name],
                candidate=subject.running_as(member),
                bundle=subject.reference,
                incumbent=subject.contestant,
                limit_ms=kept.limit_ms or _NO_LIMIT_MS,
            )
        if gathered != before:
            changed[name] = gathered
        seen[name] = gathered.seen
    members.put_gathered(session, loaded.row, changed)
    return seen


def find(
    session: Session, loaded: store.Loaded, subject: Subject, known: Mapping[str, Known], live: Mapping[str, Seen]
) -> Found | None:
    """What the gate makes of the candidate in the stage that the rollout is in; None: it is on no way onward.

    Args:
        session: to read with.
        loaded: the rollout.
        subject: of it.
        known: what the database knows of devices.
        live: see `gather_windows`.
    """
    stage = loaded.rollout.stage
    if stage < 0 or loaded.rollout.state not in GOING_ON:
        return None
    here = {
        name: member for name, member in loaded.members.items() if member.stage == stage and _has_candidate(member)
    }
    ruled = rule(session, loaded.row.tenant, subject, loaded.rollout, here)
    settings = loaded.plan.gate
    seen = [
        _whole(live[name], known.get(name), ruled.get(name, Ruled()), cohort=settings.cohort) for name in sorted(here)
    ]
    finding = judge(settings, seen, predicted=loaded.row.predicted)
    return Found(finding, Ruled(*(sum(counts) for counts in zip(*ruled.values(), strict=True))) if ruled else Ruled())


def _has_candidate(member: Member) -> bool:
    return member.target in ("shadow", "active") and member.state != "left"


def _windows(session: Session, loaded: store.Loaded, subject: Subject, now: datetime) -> dict[str, list[RawWindow]]:
    """The windows that may be new, by device."""
    looked_at = loaded.row.looked_at
    running = {subject.running_as(member) for member in loaded.members.values() if _has_candidate(member)}
    if not running or looked_at is None:
        return {}
    query = (
        select(Window.device, Window.boot, Window.sequence, Window.record)
        .where(
            Window.tenant == loaded.row.tenant,
            Window.task == loaded.row.task,
            Window.received_at >= min(looked_at, now) - _OVERLAP,
            Window.contestant.is_(None) | Window.contestant.in_(sorted(running)),
        )
        .order_by(Window.device, Window.boot, Window.sequence)
    )
    windows: dict[str, list[RawWindow]] = {}
    for device, boot, sequence, record in session.execute(query):
        windows.setdefault(device, []).append(RawWindow(boot, sequence, record))
    return windows


def _whole(seen: Seen, known: Known | None, ruled: Ruled, *, cohort: str | None) -> Seen:
    """With the faults that the device itself counted, who was right, and which devices it is like."""
    evidence = {} if known is None else known.said.evidence
    faults = evidence.get("faults")
    of_trial = sum(map(counted, faults.values())) if isinstance(faults, dict) else 0
    return msgspec.structs.replace(
        seen,
        faulty=of_trial + counted(evidence.get("crashes")),
        cohort=None if known is None or cohort is None else known.labels.get(cohort),
        **ruled._asdict(),
    )
