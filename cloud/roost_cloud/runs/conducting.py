"""An attempt at a run, from its claim to its end: snapshot, training, judgement, registry.

Whatever goes wrong in between, the run is tried again or given up as `retrying` says, its folders and processes are
gone, and nothing of it is in the registry: a version comes to be in the very transaction that ends the run.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import structlog
from sqlalchemy.orm import Session

from roost_cloud.datasets.errors import TooFewLabelsError
from roost_cloud.db import Database
from roost_cloud.db.tables import TrainingRun
from roost_cloud.gate.job import GateJob, write_gate_job
from roost_cloud.gate.rules import bars_of
from roost_cloud.objects import ObjectStore
from roost_cloud.registry import versions
from roost_cloud.runs.candidates import CANDIDATE, CandidateError, archive, checked, fetch
from roost_cloud.runs.claiming import Claim, RunLostError
from roost_cloud.runs.dataset import RunDatasets
from roost_cloud.runs.executor import Ended, Executor, Limits, Work
from roost_cloud.runs.faults import OWN, AttemptError, fault_of
from roost_cloud.runs.hand import Hand
from roost_cloud.runs.policy import RunPolicy
from roost_cloud.runs.registrar import Registrar
from roost_cloud.runs.reporting import Reporter
from roost_cloud.runs.state import Move
from roost_cloud.runs.store import policy_of
from roost_cloud.runs.verdict import Verdict, read_verdict, verdict_of
from roost_cloud.runs.workshop import Workshop, Workspace
from roost_cloud.scorer.bundle_cache import BundleCache
from roost_cloud.tasks.resolution import Version
from roost_cloud.training.job import TrainingJob, cache_of, incumbent_of, job_path
from roost_shared.bundle import Bundle
from roost_shared.clock import Clock
from roost_shared.durable import write_durably
from roost_shared.errors import RoostError

__all__ = ["Conductor", "Means"]

log = structlog.get_logger(__name__)

TRAINING: Final = "roost_cloud.training"
GATE: Final = "roost_cloud.gate"
VERDICT: Final = "verdict.json"
FLOAT: Final = "float"
_MEGABYTE: Final = 1 << 20


class _StoppedError(Exception):
    """The worker is being stopped, or the run is no longer ours."""


@dataclass(frozen=True)
class Means:
    """What attempts are made with.

    Attributes:
        database: where runs are.
        objects: where candidates wait.
        bundles: incumbents on this machine's disk.
        datasets: what is learnt from, and judged by.
        registrar: takes in what passed.
        executor: runs processes.
        workshop: folders for them.
        clock: tells the time.
        report_every_s: from a report on a run to the next.
        gate: the module that judges.
    """

    database: Database
    objects: ObjectStore
    bundles: BundleCache
    datasets: RunDatasets
    registrar: Registrar
    executor: Executor
    workshop: Workshop
    clock: Clock
    report_every_s: float = 1.0
    gate: str = GATE


class Conductor:
    """Conducts attempts; any number at a time, each from a thread of its own.

    Args:
        means: what with.
        stopping: whether the worker is being stopped.
    """

    def __init__(self, means: Means, stopping: Callable[[], bool]) -> None:
        self._means = means
        self._stopping = stopping

    def conduct(self, row: TrainingRun, mine: Claim) -> str:
        """Make an attempt at a run just claimed.

        Returns:
            What came of it: the run's state, `lost`, or `handed_back`.
        """
        with Reporter(self._means.database, mine, self._means.clock, every_s=self._means.report_every_s) as reporter:
            hand = Hand(self._means.database, row, mine, reporter, self._means.clock)
            attempt = _Attempt(self._means, hand, reporter, self._stopping)
            try:
                return attempt.make()
            except RunLostError as error:
                log.info("run.lost", run=mine.run, attempt=mine.attempt, state=error.state)
            except RoostError as error:  # the database stayed away: the lease ends, and another takes the run
                log.warning("run.abandoned", run=mine.run, code=error.code, message=str(error))
            return "lost"


class _Attempt:
    """One."""

    def __init__(self, means: Means, hand: Hand, reporter: Reporter, stopping: Callable[[], bool]) -> None:
        self._means = means
        self._hand = hand
        self._reporter = reporter
        self._worker_stops = stopping

    def make(self) -> str:
        """Make it; what came of it is in the row.

        Raises:
            RunLostError: the run is no longer ours.
            DatabaseUnavailableError: the database stayed away.
        """
        try:
            self._work()
        except RunLostError:
            raise
        except _StoppedError:
            if self._reporter.lost is not None:
                raise self._reporter.lost from None
            self._hand.hand_back()
            return "handed_back"
        except TooFewLabelsError as error:
            self._hand.wait_for_labels(error)
        except (AttemptError, RoostError, OSError) as error:
            self._hand.fail(fault_of(error))
        except Exception:  # the boundary of an attempt: whatever happens in it, the run's row says so
            log.exception("run.fault", run=self._hand.mine.run)
            self._hand.fail(OWN)
        return self._hand.state

    def _work(self) -> None:
        with self._means.workshop.workspace(self._hand.mine) as space:
            if self._hand.state == "approved":
                candidate = fetch(self._means.objects, self._hand.row, space.job)
                self._register(candidate, verdict_of(self._hand.row.verdict))
                return
            policy = policy_of(self._hand.row)
            self._prepare(space, policy)
            self._train(space, policy)
            self._judge(space, policy)

    def _prepare(self, space: Workspace, policy: RunPolicy) -> None:
        datasets, run = self._means.datasets, self._hand.row
        if run.snapshot is None:
            snapshot = datasets.choose(run, policy.labels_wanted)
            self._hand.write(lambda _, row: setattr(row, "snapshot", snapshot))
        else:
            snapshot = run.snapshot
        self._reporter.say(f"snapshot {snapshot}")
        self._fetch_incumbent(space.job)
        job = TrainingJob(
            run=run.id,
            task=run.task,
            trainer=policy.trainer,
            name=run.name,
            version=run.version,
            labels=datasets.labels(run.tenant, snapshot),
            seed=run.seed,
            parameters=run.parameters,
            snapshot=snapshot,
            examples=datasets.job(run.tenant, snapshot, space.job, self._told("fetching inputs")),
        )
        write_durably(job_path(space.job), msgspec.json.encode(job))

    def _fetch_incumbent(self, folder: Path) -> None:
        run = self._hand.row
        with self._means.database.read() as session:
            manifest = versions.manifest_of(session, run.tenant, run.incumbent)
        version = Version(run.tenant, run.name, run.incumbent_version, run.incumbent, 0)
        bundle = self._means.bundles.get(version, manifest)
        shutil.copytree(bundle.folder, incumbent_of(folder))  # by a link a trainer could reach the cache

    def _told(self, what: str) -> Callable[[int, int], None]:
        def told(done: int, total: int) -> None:
            self._reporter.step(done, total, what)
            self._check_on()

        return told

    def _train(self, space: Workspace, policy: RunPolicy) -> None:
        self._advance("train", f"trainer {policy.trainer}")
        run = self._hand.row
        with self._means.workshop.cache(run.tenant, run.task, policy.trainer, cache_of(space.job)):
            self._run(TRAINING, space.job, (CANDIDATE, FLOAT), policy)
        checked(space.job / CANDIDATE, self._hand.row)

    def _judge(self, space: Workspace, policy: RunPolicy) -> None:
        self._advance("judge", "the trainer is done")
        # Only now: as long as a trainer runs, what it is judged by is in no folder of its run.
        try:
            space.gate.mkdir()
        except FileExistsError:
            raise CandidateError("the trainer wrote outside its folder, where it is to be judged") from None
        for name in (CANDIDATE, FLOAT, "incumbent"):
            if (space.job / name).exists():
                (space.job / name).rename(space.gate / name)
        run, told = self._hand.row, self._told("fetching inputs to judge by")
        self._means.datasets.judged(run.tenant, run.snapshot or "", space.gate, told)
        with self._means.database.read() as session:
            bars = bars_of(session, run.tenant, run.task, run.name)
        write_gate_job(space.gate, GateJob(settings=policy.gate, bars=bars))
        self._run(self._means.gate, space.gate, (VERDICT, CANDIDATE), policy)
        verdict = read_verdict(space.gate / VERDICT)
        if not verdict.passed:
            self._advance("refuse", verdict.summary, lambda _, row: setattr(row, "verdict", verdict.document))
            return
        candidate = checked(space.gate / CANDIDATE, run)
        if policy.mode == "auto":
            self._register(candidate, verdict)
        else:
            self._keep(candidate, verdict)

    def _run(self, module: str, folder: Path, results: tuple[str, ...], policy: RunPolicy) -> None:
        limits = Limits(
            memory_bytes=policy.memory_mb * _MEGABYTE,
            wall_s=policy.wall_minutes * 60,
            silent_s=policy.silent_minutes * 60,
        )
        work = Work(module=module, folder=folder, results=results, limits=limits)
        ended = self._means.executor.run(work, self._reporter.hear, self._is_to_stop)
        self._note(module.rpartition(".")[2], ended)
        if ended.how == "stopped":
            raise _StoppedError
        if ended.how != "done":
            raise AttemptError(ended.how, ended.code, ended.text)

    def _note(self, what: str, ended: Ended) -> None:
        """What a process took, in the run's log and among its figures."""
        peak_mb = ended.peak_bytes / _MEGABYTE
        took = f"{ended.wall_s:.1f} s, {ended.cpu_s:.1f} s of processor time, {peak_mb:.0f} MiB at most"
        self._reporter.say(f"{what}: {ended.how}; {took}")
        figures = {"wall_s": ended.wall_s, "cpu_s": ended.cpu_s, "peak_mb": peak_mb}
        self._reporter.note({f"process.{what}.{name}": value for name, value in figures.items()})

    def _keep(self, candidate: Bundle, verdict: Verdict) -> None:
        """Have a candidate that passed wait for a person's word."""
        # First, so that it is removed if the run ends meanwhile, and that nobody else's is written over.
        self._hand.write(lambda _, row: setattr(row, "is_kept", True))
        archive(self._means.objects, self._hand.row, candidate.folder)

        def note(_: Session, row: TrainingRun) -> None:
            row.candidate, row.verdict = candidate.digest, verdict.document

        self._advance("pass", verdict.summary, note)

    def _register(self, candidate: Bundle, verdict: Verdict) -> None:
        self._reporter.step(0, 1, "registering")
        self._means.registrar.store(self._hand.mine.tenant, candidate)

        def register(session: Session, row: TrainingRun) -> None:
            row.candidate, row.verdict = candidate.digest, verdict.document
            self._means.registrar.register(session, row, candidate, verdict, self._means.clock.wall())

        self._advance("register", verdict.summary, register)

    def _advance(
        self, by: Move, why: str, change: Callable[[Session, TrainingRun], None] = lambda _session, _row: None
    ) -> None:
        self._check_on()
        self._hand.advance(by, why, change)

    def _is_to_stop(self) -> bool:
        return self._reporter.is_lost or self._worker_stops()

    def _check_on(self) -> None:
        if self._is_to_stop():
            raise _StoppedError
