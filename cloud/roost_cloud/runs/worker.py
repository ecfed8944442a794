"""The role: threads that work on runs, and one that opens them, takes them from the dead, and tidies up.

Any number of processes may have it: each run is one worker's at a time, and opening and tidying do no harm done twice.
"""

import os
import secrets
import socket
import threading
from collections import Counter
from datetime import datetime
from functools import partial
from typing import Final

import prometheus_client
import structlog
from sqlalchemy import func, select

from roost_cloud.db import Database
from roost_cloud.db.tables import TrainingRun
from roost_cloud.guard import Guard
from roost_cloud.objects import ObjectStore
from roost_cloud.runs import claiming
from roost_cloud.runs.candidates import archive_key
from roost_cloud.runs.claiming import Claim
from roost_cloud.runs.conducting import Conductor, Means
from roost_cloud.runs.opening import Opener
from roost_cloud.runs.state import STATES
from roost_shared.chance import CHANCE

__all__ = ["Trainer", "worker_name"]

log = structlog.get_logger(__name__)

_LOOK_EVERY_S: Final = 2.0
_ROUND_EVERY_S: Final = 10.0
_TIDIED: Final = 20  # candidates in a round
_LASTS_S: Final = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600)


def worker_name() -> str:
    """A name that no other worker has."""
    return f"{socket.gethostname()[:60]}/{os.getpid()}/{secrets.token_hex(4)}"


class Trainer:
    """The role.

    Args:
        means: what attempts are made with.
        metrics: where its numbers are registered.
        slots: runs at a time.
        look_every_s: from a look for work to the next, where there is none.
        round_every_s: from a round of openings to the next.
    """

    def __init__(
        self,
        means: Means,
        metrics: prometheus_client.CollectorRegistry,
        *,
        slots: int = 1,
        look_every_s: float = _LOOK_EVERY_S,
        round_every_s: float = _ROUND_EVERY_S,
    ) -> None:
        self._means = means
        self._look_every_s = look_every_s
        self._round_every_s = round_every_s
        self._stopping = threading.Event()
        self._conductor = Conductor(means, self._stopping.is_set)
        self._opener = Opener(means.database, means.clock)
        self._guard = Guard("trainer", metrics)
        names = [f"trainer-{number}" for number in range(1, slots + 1)]
        self._threads = [threading.Thread(target=self._work, args=(name,), name=name) for name in names]
        self._threads.append(threading.Thread(target=self._go_round, name="trainer-rounds"))
        self._attempts = prometheus_client.Counter(
            "roost_training_attempts",
            "Attempts at training runs, by what came of them.",
            ["outcome"],
            registry=metrics,
        )
        self._lasted = prometheus_client.Histogram(
            "roost_training_attempt_seconds", "From a claim to its end.", buckets=_LASTS_S, registry=metrics
        )
        self._opened = prometheus_client.Counter(
            "roost_training_opened", "Training runs opened by other than people.", ["cause"], registry=metrics
        )
        self._open = prometheus_client.Gauge(
            "roost_training_open", "Training runs that have not ended, by state.", ["state"], registry=metrics
        )

    @property
    def problem(self) -> str | None:
        """Why it cannot work just now, in a line; None if it can."""
        return self._guard.problem or self._means.executor.problem

    def start(self) -> None:
        """Begin.

        Raises:
            OSError: there can be no folders to work in.
        """
        cleared = self._means.workshop.open()
        if cleared:
            log.info("trainer.cleared", workers=cleared)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Hand back what is in hand, and end."""
        self._stopping.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self._means.executor.close()
        self._means.workshop.close()

    def _work(self, name: str) -> None:
        worker = worker_name()
        while not self._stopping.is_set():
            if not self._guard.run(name, partial(self.work, worker), otherwise=False):
                self._stopping.wait(self._guard.rest_s(name, self._look_every_s))

    def work(self, worker: str) -> bool:
        """Claim a run, and make an attempt at it.

        Returns:
            Whether there was one.

        Raises:
            DatabaseUnavailableError: the database is away.
        """
        now = self._means.clock.wall()
        with self._means.database.read() as session:  # which waits for no writer, and mostly there is nothing
            if not claiming.is_any_due(session, now):
                return False
        with self._means.database.begin() as session:
            row = claiming.claim(session, worker, now)
        if row is None:
            return False
        mine = Claim(row.tenant, row.id, row.attempt, worker)
        log.info("run.claimed", tenant=row.tenant, task=row.task, run=row.id, attempt=row.attempt)
        began_ns = self._means.clock.now_ns()
        outcome = self._conductor.conduct(row, mine)
        self._lasted.observe((self._means.clock.now_ns() - began_ns) / 1e9)
        self._attempts.labels(outcome).inc()
        log.info("run.left", tenant=row.tenant, task=row.task, run=row.id, attempt=row.attempt, outcome=outcome)
        return True

    def _go_round(self) -> None:
        while not self._stopping.is_set():
            self._guard.run("rounds", self.go_round, otherwise=None)
            self._stopping.wait(self._guard.rest_s("rounds", self._round_every_s))

    def go_round(self) -> None:
        """Open what is due, take runs out of dead workers' hands, and tidy up.

        Raises:
            DatabaseUnavailableError: the database is away.
            StoreUnavailableError, StoreFailedError: the object store is.
        """
        now = self._means.clock.wall()
        self._reap(now)
        for run_opened in self._opener.go_round():
            self._opened.labels(run_opened.cause).inc()
            log.info("run.opened", tenant=run_opened.tenant, task=run_opened.task, run=run_opened.id)
        tidy(self._means.database, self._means.objects)
        self._count()

    def _reap(self, now: datetime) -> None:
        with self._means.database.read() as session:
            if not claiming.is_any_lost(session, now):
                return
        with self._means.database.begin() as session:
            lost = claiming.reap(session, now, draw=CHANCE.random())
        for tenant, run in lost:
            log.warning("run.worker_lost", tenant=tenant, run=run)

    def _count(self) -> None:
        query = select(TrainingRun.state, func.count()).where(TrainingRun.ended_at.is_(None))
        with self._means.database.read() as session:
            counts = Counter({row[0]: row[1] for row in session.execute(query.group_by(TrainingRun.state))})
        for state in STATES:
            self._open.labels(state).set(counts[state])


def tidy(database: Database, objects: ObjectStore) -> int:
    """Remove candidates that wait for nobody any more.

    Returns:
        How many.
    """
    kept = (TrainingRun.ended_at.is_not(None), TrainingRun.is_kept)
    with database.read() as session:
        rows = session.execute(select(TrainingRun.tenant, TrainingRun.id).where(*kept).limit(_TIDIED)).all()
    for tenant, run in rows:
        objects.delete(archive_key(tenant, run))
        with database.begin() as session:
            session.get_one(TrainingRun, (tenant, run), with_for_update=True).is_kept = False
    return len(rows)
