"""From a task's entry to the task as this device runs it: bundles opened, workers made, refusals named.

A contestant whose bundle is damaged does not keep the others from answering: it is refused, named, and counts as
failed for every request.

Opening hashes every byte of a bundle and may block; all else here is quick. A worker that serves just what another
line-up wants served is taken over by it as it is.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from roost_edge.settings.config import Limits
from roost_edge.tasks.entry import Entrant, Entry
from roost_edge.tasks.task import Observer, Task
from roost_edge.workers import ServedContestant, Sharer, WorkerHandle, WorkerSpec, group_by_base
from roost_shared.bundle import Bundle, open_bundle
from roost_shared.bundle.base_key import base_key
from roost_shared.bundle.manifest import NoConfidence, ToleranceAgreement
from roost_shared.errors import RoostError
from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous import Contestant, PolicyDocument, TaskPolicy
from roost_shared.runtime_settings import RuntimeSettings

__all__ = ["Guest", "Lineup", "Opened", "WorkerMaker", "line_up", "open_entry"]

log = logging.getLogger(__name__)

WorkerMaker = Callable[[WorkerSpec], WorkerHandle]


class Opened(NamedTuple):
    """The bundles of an entry."""

    bundles: dict[str, Bundle]  # by contestant
    refused: dict[str, ErrorInfo]


class _Crew(NamedTuple):
    """A worker of a line-up."""

    key: bytes  # equal for workers that serve the same in the same way
    worker: WorkerHandle
    seats: dict[str, str]  # by contestant


class Guest(NamedTuple):
    """A contestant of another line-up of the same task, that scores as a shadow here, once there is an answer."""

    name: str  # what it is called here
    lineup: "Lineup"
    contestant: str  # what it is called there


class Lineup:
    """A task with its bundles opened and its workers made.

    Attributes:
        entry: what was to be lined up.
        policy: of its contestants and no others.
        bundles: by contestant, those that could be opened.
        refused: local contestants that cannot take part, and why.
        labels: what the bundles can say; None where they say no labels or there is none.
    """

    def __init__(self, entry: Entry, policy: TaskPolicy, opened: Opened, crews: Sequence[_Crew]) -> None:
        self.entry = entry
        self.policy = policy
        self.bundles = opened.bundles
        self.refused = opened.refused
        self.labels = _labels(opened.bundles)
        self._crews = list(crews)

    @property
    def workers(self) -> list[WorkerHandle]:
        """Its workers, in the order of their first contestants."""
        return [crew.worker for crew in self._crews]

    @property
    def seats(self) -> dict[str, str]:
        """What workers know its local contestants by."""
        return {contestant: seat for crew in self._crews for contestant, seat in crew.seats.items()}

    @property
    def answering(self) -> list[str]:
        """Local contestants whose scores may become answers."""
        return [one.name for one in self.entry.entrants if _may_answer(one, self.policy)]

    def contestants_of(self, workers: Sequence[WorkerHandle]) -> list[str]:
        """Those that these workers serve."""
        return [contestant for crew in self._crews if crew.worker in workers for contestant in crew.seats]

    def worker_of(self, contestant: str) -> WorkerHandle | None:
        """Who serves a contestant; None where nobody does."""
        return next((crew.worker for crew in self._crews if contestant in crew.seats), None)

    def crew_like(self, key: bytes) -> _Crew | None:
        """The worker that serves just this, if there is one."""
        return next((crew for crew in self._crews if crew.key == key), None)

    def task(self, guests: Sequence[Guest] = (), observer: Observer | None = None) -> Task:
        """The task as it runs, with these guests beside its own contestants."""
        workers = {contestant: crew.worker for crew in self._crews for contestant in crew.seats}
        seats, bundles = self.seats, {name: bundle.reference for name, bundle in self.bundles.items()}
        for guest in guests:
            worker = guest.lineup.worker_of(guest.contestant)
            assert worker is not None, "a guest has a worker"  # noqa: S101
            workers[guest.name] = worker
            seats[guest.name] = guest.lineup.seats[guest.contestant]
            bundles[guest.name] = guest.lineup.bundles[guest.contestant].reference
        return Task(
            _with_guests(self.policy, guests),
            workers=workers,
            refused=self.refused,
            bundles=bundles,
            unsigned=self.entry.unsigned,
            labels=self.labels,
            private=self.entry.private,
            seats=seats,
            deferred=frozenset(guest.name for guest in guests),
            observer=observer,
        )


def open_entry(entry: Entry, known: Mapping[str, Bundle] | None = None) -> Opened:
    """Open an entry's bundles; may block.

    Args:
        entry: whose.
        known: those that have been opened before, by digest: they are not opened again.
    """
    bundles: dict[str, Bundle] = {}
    refused: dict[str, ErrorInfo] = {}
    for entrant in entry.entrants:
        try:
            bundle = _known(entrant, known or {}) or open_bundle(entrant.folder)
        except RoostError as error:
            refused[entrant.name] = ErrorInfo(error.code, str(error))
            log.warning("%s/%s takes no part: %s: %s", entry.name, entrant.name, error.code, error)
            continue
        if entrant.digest in (None, bundle.digest):
            bundles[entrant.name] = bundle
        else:
            refused[entrant.name] = ErrorInfo(
                "bundle.altered_blob", f"{entrant.folder} holds {bundle.digest}, assigned is {entrant.digest}"
            )
    return Opened(bundles, refused)


def _known(entrant: Entrant, known: Mapping[str, Bundle]) -> Bundle | None:
    """The bundle, if it was opened before where it lies now."""
    bundle = None if entrant.digest is None else known.get(entrant.digest)
    return bundle if bundle is not None and bundle.folder == entrant.folder.resolve() else None


def line_up(
    entry: Entry,
    opened: Opened,
    limits: Limits,
    make: WorkerMaker,
    before: Lineup | None = None,
    *,
    gently: bool = False,
) -> Lineup:
    """Make workers for an entry's local contestants; none is started yet.

    Args:
        entry: what to line up.
        opened: its bundles.
        limits: of the agent.
        make: makes a worker.
        before: a line-up of the same task whose workers may serve on.
        gently: what is made shall load its models behind all else that runs.

    Raises:
        PolicyError: the rules do not fit the contestants.
    """
    bundles = opened.bundles
    policy = entry.terms.policy(
        entry.name, without_confidence=_without_confidence(bundles), tolerance=_tolerance(entry, bundles)
    )
    entrants = {one.name: one for one in entry.entrants}
    crews: list[_Crew] = []
    for group in group_by_base(_sharers(entry, policy, bundles)):
        runtime = entrants[group[0].contestant].runtime
        served = [(one.contestant, bundles[one.contestant], one.may_answer) for one in group]
        key = _key(runtime, served)
        crew = None if before is None else before.crew_like(key)
        if crew is None:
            seats = {name: f"{name}@{entry.version}" if entry.version else name for name, _, _ in served}
            spec = WorkerSpec(
                task=entry.name,
                contestants=tuple(ServedContestant(seats[name], bundle.folder, may) for name, bundle, may in served),
                runtime=runtime,
                limits=limits.of_inputs,
                queue_jobs=limits.in_flight,
                gently=gently,
                measured_per_s=entry.measured_per_s,
            )
            crew = _Crew(key, make(spec), seats)
        crews.append(crew)
    return Lineup(entry, policy, opened, crews)


def _key(runtime: RuntimeSettings, served: Sequence[tuple[str, Bundle, bool]]) -> bytes:
    what = [(name, bundle.digest, str(bundle.folder), may_answer) for name, bundle, may_answer in served]
    return msgspec.json.encode((runtime, what), order="sorted")


def _with_guests(policy: TaskPolicy, guests: Sequence[Guest]) -> TaskPolicy:
    if not guests:
        return policy
    shadows = [Contestant(name=guest.name, role="shadow") for guest in guests]
    document = PolicyDocument.of(policy)
    return msgspec.structs.replace(document, contestants=[*document.contestants, *shadows]).policy()


def _may_answer(entrant: Entrant, policy: TaskPolicy) -> bool:
    return entrant.role == "answer" or entrant.name in policy.named


def _sharers(entry: Entry, policy: TaskPolicy, bundles: Mapping[str, Bundle]) -> list[Sharer]:
    sharers = []
    for one in entry.entrants:
        if one.name in bundles:
            key = base_key(bundles[one.name].config)
            base = None if key is None else (key, msgspec.json.encode(one.runtime, order="sorted"))
            sharers.append(Sharer(one.name, _may_answer(one, policy), base))
    return sharers


def _without_confidence(bundles: Mapping[str, Bundle]) -> frozenset[str]:
    return frozenset(
        contestant for contestant, bundle in bundles.items() if isinstance(bundle.config.confidence, NoConfidence)
    )


def _labels(bundles: Mapping[str, Bundle]) -> frozenset[str] | None:
    """The task's label space, as far as its bundles here tell."""
    kinds = {bundle.config.output.kind for bundle in bundles.values()}
    if kinds != {"classification"}:
        return None
    return frozenset(label for bundle in bundles.values() for label in bundle.config.labels)


def _tolerance(entry: Entry, bundles: Mapping[str, Bundle]) -> float | None:
    """What agreement means for the task: what its first answering bundle says."""
    for one in entry.entrants:
        if one.role == "answer" and one.name in bundles:
            agreement = bundles[one.name].config.agreement
            return agreement.tolerance if isinstance(agreement, ToleranceAgreement) else None
    return None
