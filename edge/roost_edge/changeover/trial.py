"""Who scores beside whom while an assignment is on trial: names, counterparts and limits of one task. Pure."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from roost_edge.changeover.evidence import ANSWER, Subject, Watch
from roost_edge.tasks.lineup import Guest, Lineup
from roost_edge.tasks.task import Task
from roost_edge.workers import WorkerHandle
from roost_shared.assignment import AssignedTask, Trial
from roost_shared.bundle import Bundle
from roost_shared.clock import ms_to_ns

__all__ = ["Staging", "at_rest", "shadowed", "trial_of", "watched"]

_NEXT, _BEFORE = "next", "prev"
_NAME_CHARACTERS = 63


class Staging(NamedTuple):
    """A task as it runs while something of it is on trial."""

    task: Task
    watch: Watch | None  # None: nothing of it is


def shadowed(now: Lineup, coming: Lineup) -> Staging:
    """What runs, with the contestants that are new scoring beside it as `NAME.next`."""
    new = _not_in(coming, now.workers)
    guests = _guests(coming, coming.contestants_of(new), now, _NEXT)
    beside = {name: name if name in now.bundles else ANSWER for name in coming.bundles}
    subjects = [_subject(coming, one.contestant, one.name, now, beside[one.contestant]) for one in guests]
    return _stage(now, guests, subjects)


def watched(now: Lineup, before: Lineup | None) -> Staging:
    """What has begun to answer, with those whose place it took scoring beside it as `NAME.prev`."""
    workers = [] if before is None else before.workers
    replaced = set() if before is None else set(before.contestants_of(_not_in(before, now.workers)))
    answered = [] if before is None else [name for name in before.answering if name in replaced]
    guests = [] if before is None else _guests(before, answered, now, _BEFORE)
    beside = {guest.contestant: guest.name for guest in guests}
    subjects = [
        _subject(now, name, name, before, beside.get(name)) for name in now.contestants_of(_not_in(now, workers))
    ]
    return _stage(now, guests, subjects)


def at_rest(lineup: Lineup) -> dict[str, dict[str, Any]]:
    """What is known of contestants without any trial, by name: those that are ready gave their golden outputs."""
    found: dict[str, dict[str, Any]] = {}
    for contestant, seat in lineup.seats.items():
        worker = lineup.worker_of(contestant)
        stats = None if worker is None else worker.stats(seat)
        if stats is not None and stats.state == "ready" and stats.golden_hash is not None:
            found[contestant] = {"golden": True, "golden_hash": stats.golden_hash, "hardware": stats.hardware}
    return found


def trial_of(lineup: Lineup) -> Trial:
    """How a task's assignment says that its bundles prove themselves."""
    terms = lineup.entry.terms
    return terms.trial if isinstance(terms, AssignedTask) else Trial()


def _stage(now: Lineup, guests: Sequence[Guest], subjects: Sequence[Subject]) -> Staging:
    watch = Watch(list(subjects), now.policy.agreement_tolerance) if subjects else None
    return Staging(now.task(guests, watch), watch)


def _not_in(lineup: Lineup, others: Collection[WorkerHandle]) -> list[WorkerHandle]:
    return [worker for worker in lineup.workers if worker not in others]


def _guests(of: Lineup, contestants: Sequence[str], at: Lineup, suffix: str) -> list[Guest]:
    taken = {one.name for one in at.policy.contestants}
    guests = []
    for contestant in contestants:
        name = _free_name(contestant, suffix, taken)
        taken.add(name)
        guests.append(Guest(name, of, contestant))
    return guests


def _free_name(contestant: str, suffix: str, taken: Collection[str]) -> str:
    """A name that says whose it is, and is nobody's."""
    number = 1
    while True:
        ending = f".{suffix}" if number == 1 else f".{suffix}{number}"
        name = contestant[: _NAME_CHARACTERS - len(ending)] + ending
        if name not in taken:
            return name
        number += 1


def _subject(of: Lineup, contestant: str, name: str, other: Lineup | None, beside: str | None) -> Subject:
    bundle, trial = of.bundles[contestant], trial_of(of)
    counterpart = None if other is None else other.bundles.get(contestant)
    worker = of.worker_of(contestant)
    stats = None if worker is None else worker.stats(of.seats[contestant])
    limit_ns = of.policy.deadline_ns - of.policy.guard_ns if trial.p95_ms is None else ms_to_ns(trial.p95_ms)
    return Subject(
        name=name,
        contestant=contestant,
        bundle=bundle.reference,
        beside=beside,
        answers=contestant in of.answering,
        limit_ns=limit_ns,
        golden_hash=None if stats is None else stats.golden_hash,
        hardware=None if stats is None else stats.hardware,
        predicted=_predicted(bundle, counterpart),
    )


def _predicted(bundle: Bundle, counterpart: Bundle | None) -> float | None:
    """What the bundle predicts of its disagreement with this counterpart: of another than its parent, nothing."""
    parent = bundle.config.parent
    if counterpart is None or (parent is not None and parent != counterpart.digest):
        return None
    return bundle.config.predicted_disagreement
