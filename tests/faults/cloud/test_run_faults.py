"""Whatever goes wrong with a training run, nothing half-made is in the registry, and nothing is left on the disk."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from roost_cloud.db import DatabaseUnavailableError
from roost_cloud.objects import ObjectNotFoundError, ObjectStore
from roost_cloud.objects.errors import StoreUnavailableError
from roost_cloud.runs import claiming, store
from roost_cloud.runs.candidates import archive_key
from roost_cloud.runs.claiming import Claim, RunLostError
from roost_cloud.runs.executor import Limits
from roost_cloud.runs.state import Move
from roost_cloud.runs.supervising import Supervised
from roost_cloud.runs.worker import Trainer, tidy
from roost_cloud.runs.workshop import Workshop
from roost_cloud.services import open_services
from tests.support.bundles import Bundles
from tests.support.cloud import Cloud, ManualClock, settings_for
from tests.support.cloud_process import CloudProcess
from tests.support.postgres import Postgres
from tests.support.tiny_trainers import installed
from tests.support.training_site import TrainingSite, bare_site, site, sites_cloud
from tests.support.waiting import until

__all__ = ["bare_site", "site", "sites_cloud"]

AGAIN = ["queued", "preparing", "training", "queued"]
ONCE: dict[str, tuple[dict[str, Any], str, str]] = {
    "crash": ({}, "run.crash", "killed by SIGKILL"),
    "raise": ({}, "run.crash", "exit status 1: ZeroDivisionError: by one of ours"),
    "memory": ({"memory_mb": 200}, "", "memory"),
    "hang": ({"silent_minutes": 0.5 / 60}, "run.hang", "it said nothing for 0.5 s"),
}
FOR_GOOD = {
    "nan": ("run.not_a_number", "its figure 'loss' is not a number"),
    "impossible": ("training.impossible", "the labels contradict each other"),
    "another": ("run.candidate", "the candidate's training_run is another"),
    "link": ("run.candidate", "the trainer left a link where its candidate should lie"),
    "plant": ("run.candidate", "the trainer wrote outside its folder, where it is to be judged"),
}


@pytest.mark.parametrize("what", ONCE)
def test_a_fault_of_a_process_is_tried_again(site: TrainingSite, what: str) -> None:
    fields, code, text = ONCE[what]
    run = site.open(parameters={"do": what, "once": str(site.folder.parent / "once")}, **fields)
    site.work()
    row = site.run(run)
    assert site.way(run) == AGAIN, site.log(run)
    assert (row.problem_code or "").startswith(code)
    assert text in (row.problem or "")
    assert row.due_at > site.services.now()
    assert site.leftovers() == []
    assert site.versions() == ["1"]
    site.work()
    assert site.way(run)[-1] == "registered", site.log(run)


@pytest.mark.parametrize("what", FOR_GOOD)
def test_what_would_come_out_the_same_is_not_tried_again(site: TrainingSite, what: str) -> None:
    run = site.open(parameters={"do": what})
    site.work()
    row = site.run(run)
    code, text = FOR_GOOD[what]
    assert (row.state, row.problem_code, row.attempt) == ("failed", code, 1)
    assert text in (row.problem or "")
    assert site.versions() == ["1"]


def test_attempts_are_counted_and_a_run_is_given_up(site: TrainingSite) -> None:
    run = site.open(parameters={"do": "crash"}, attempts=2)
    site.work(2)
    row = site.run(run)
    assert (row.state, row.failures, row.attempt) == ("failed", 2, 2)
    assert site.versions() == ["1"]


def test_a_process_that_takes_too_long_is_ended_and_not_tried_again(site: TrainingSite) -> None:
    run = site.open(parameters={"do": "wait"}, wall_minutes=1.5 / 60)
    site.work()
    row = site.run(run)
    assert (row.state, row.problem_code, row.problem) == ("failed", "run.time", "it took longer than 1.5 s")


@contextmanager
def working(trainer: Trainer) -> Iterator[threading.Thread]:
    """A worker at an attempt, in a thread."""
    thread = threading.Thread(target=trainer.work, args=("w1",))
    thread.start()
    try:
        yield thread
    finally:
        thread.join(60)
        assert not thread.is_alive()


def until_trained(site: TrainingSite, run: str) -> None:
    until(lambda: site.run(run).what == "waiting", "the trainer says something")


def test_a_person_cancels_a_run_while_it_trains(site: TrainingSite) -> None:
    run = site.open(parameters={"do": "wait"})
    with site.trainer() as trainer, working(trainer):
        until_trained(site, run)
        with site.services.database.begin() as session:
            store.cancel(session, "acme", run, note="wrong labels", actor="token:ann", now=site.services.now())
    assert site.way(run)[-1] == "cancelled"
    assert site.versions() == ["1"]
    assert site.leftovers() == []


def test_a_worker_that_is_stopped_hands_its_run_back(site: TrainingSite) -> None:
    run = site.open(parameters={"do": "wait", "once": str(site.folder.parent / "once")})
    with site.trainer() as trainer, working(trainer):
        until_trained(site, run)
        trainer._stopping.set()
    row = site.run(run)
    assert (row.state, row.failures, row.worker, row.problem) == ("queued", 0, None, None)
    site.work()
    assert site.run(run).state == "registered"


def test_a_worker_that_died_loses_its_run_and_can_write_nothing_any_more(site: TrainingSite) -> None:
    run = site.open()
    with site.services.database.begin() as session:
        row = claiming.claim(session, "dead", site.services.now())
        assert row is not None
    late = Claim("acme", run, row.attempt, "dead")
    site.clock.advance(claiming.LEASE + timedelta(seconds=1))
    with site.trainer() as trainer:
        trainer.go_round()
    row = site.run(run)
    assert (row.state, row.problem_code, row.failures) == ("queued", "run.worker_lost", 1)
    moves: tuple[Move, ...] = ("train", "fail")
    for by in moves:
        with site.services.database.begin() as session, pytest.raises(RunLostError):
            claiming.advance(session, late, by, "late", site.services.now())
    site.work()
    with site.services.database.begin() as session, pytest.raises(RunLostError, match="registered"):
        claiming.report(session, late, claiming.News(metrics={}), site.services.now())
    assert site.run(run).state == "registered"


def test_a_late_workers_candidate_is_not_registered(site: TrainingSite) -> None:
    """Its lease ran out while it trained, and another had the run by the time it was done."""
    run = site.open(parameters={"do": "sleep", "sleep_s": 1.0, "once": str(site.folder.parent / "once")})
    with site.trainer() as slow, working(slow):
        until(lambda: site.run(run).what == "asleep", "the trainer sleeps")
        site.clock.advance(claiming.LEASE + timedelta(seconds=1))
        with site.services.database.begin() as session:
            claiming.reap(session, site.services.now(), draw=0.0)
        site.work()
    row = site.run(run)
    assert (row.state, row.attempt) == ("registered", 2)
    assert len(site.versions()) == 2


class Moody:
    """An object store that is away for so many calls of one kind."""

    def __init__(self, store: ObjectStore, method: str, times: int) -> None:
        self._store, self._method, self._left = store, method, times

    def __getattr__(self, name: str) -> Any:
        if name == self._method and self._left > 0:
            self._left -= 1
            raise StoreUnavailableError("the store is away")
        return getattr(self._store, name)


def test_an_object_store_that_goes_away_costs_no_attempt(site: TrainingSite) -> None:
    run = site.open(mode="train", attempts=1)
    away: Any = Moody(site.services.objects, "put_stream", 1)
    site.work(objects=away)
    row = site.run(run)
    assert (row.state, row.failures, row.retries, row.problem_code) == ("queued", 0, 1, "objects.unavailable")
    assert row.candidate is None
    site.work()
    assert site.run(run).state == "passed"


class Interrupted:
    """An object store into which something is put while somebody cancels the run."""

    def __init__(self, site: TrainingSite, run: str) -> None:
        self._site, self._run = site, run

    def __getattr__(self, name: str) -> Any:
        return getattr(self._site.services.objects, name)

    def put_stream(self, *arguments: Any) -> None:
        self._site.services.objects.put_stream(*arguments)
        with self._site.services.database.begin() as session:
            store.cancel(session, "acme", self._run, note=None, actor="token:ann", now=self._site.services.now())


def test_a_candidate_whose_run_is_cancelled_while_it_is_put_away_is_removed(site: TrainingSite) -> None:
    run = site.open(mode="train")
    between: Any = Interrupted(site, run)
    site.work(objects=between)
    assert site.run(run).state == "cancelled"
    assert site.services.objects.head(archive_key("acme", run)).size_bytes > 0
    assert tidy(site.services.database, site.services.objects) == 1
    with pytest.raises(ObjectNotFoundError):
        site.services.objects.head(archive_key("acme", run))


class MoodyDatabase:
    """A database that goes away at its nth transaction, for some."""

    def __init__(self, database: Any, at: int, times: int) -> None:
        self._database, self._at, self._left = database, at, times
        self._seen = 0

    def __getattr__(self, name: str) -> Any:
        if name == "begin":
            self._seen += 1
            if self._seen >= self._at and self._left > 0:
                self._left -= 1
                raise DatabaseUnavailableError("the database is away")
        return getattr(self._database, name)


@pytest.mark.parametrize("at", [2, 5, 8])
def test_a_database_that_goes_away_for_a_moment_costs_nothing(site: TrainingSite, at: int) -> None:
    run = site.open()
    away: Any = MoodyDatabase(site.services.database, at, 2)
    site.work(database=away)
    row = site.run(run)
    assert (row.state, row.attempt, row.retries) == ("registered", 1, 0), row.problem
    assert len(site.versions()) == 2


DIES = """
import os, pathlib, signal, subprocess, sys
from roost_cloud.runs.workshop import Workshop
workshop = Workshop(pathlib.Path(sys.argv[1]))
workshop.open()
space = workshop._folder / "acme.run.1" / "job"
space.mkdir(parents=True)
print(subprocess.Popen(["sleep", "600"], cwd=space, start_new_session=True).pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_dead_worker_left_is_cleared_away_with_its_processes(tmp_path: Path) -> None:
    with (tmp_path / "pid").open("wb") as out:
        died = subprocess.run([sys.executable, "-c", DIES, str(tmp_path / "root")], stdout=out, check=False)
    assert died.returncode == -signal.SIGKILL
    orphan = psutil.Process(int((tmp_path / "pid").read_text()))
    workshop = Workshop(tmp_path / "root")
    assert workshop.open() == 1
    until(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE, "the orphan has ended")
    assert [folder.name for folder in (tmp_path / "root").iterdir()] == [workshop._folder.name]
    workshop.close()


def test_a_process_that_fills_the_disk_is_ended(tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(bytes(3 << 20))  # was there before, and is not counted
    code = (
        "import time; file = open('big', 'wb', 0); [(file.write(bytes(1 << 20)), time.sleep(0.1)) for _ in range(600)]"
    )
    limits = Limits(memory_bytes=1 << 30, wall_s=60, silent_s=60, disk_bytes=4 << 20)
    supervised = Supervised([sys.executable, "-c", code], tmp_path, limits, lambda: False)
    assert list(supervised) == []
    assert (supervised.ended.how, supervised.ended.text) == ("disk", "it wrote more than 4 MiB")


@pytest.mark.parametrize("how", ["", ", cwd='/', start_new_session=True"], ids=["child", "daemon"])
def test_what_a_process_started_ends_with_it(tmp_path: Path, how: str) -> None:
    started = f"p = subprocess.Popen(['sleep', '600']{how})"
    code = f"import subprocess, sys; {started}; print(p.pid, flush=True); sys.exit(1)"
    limits = Limits(memory_bytes=1 << 30, wall_s=60, silent_s=60)
    supervised = Supervised(["python3", "-c", code], tmp_path, limits, lambda: False)
    (line,) = list(supervised)
    pid = int(line.text)  # type: ignore[union-attr]
    assert supervised.ended.how == "crash"
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, "it ended")


def test_a_database_that_is_killed_while_a_trainer_runs_costs_nothing(
    postgres: Postgres, newest_postgres: str, bundles: Bundles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", installed(tmp_path / "installed"))
    url = postgres.url(postgres.new_database(newest_postgres))
    with open_services(settings_for(tmp_path / "cloud", database_url=url), clock=ManualClock()) as services:
        clock = services.clock
        assert isinstance(clock, ManualClock)
        site = TrainingSite(Cloud(services, clock), bundles.sure, tmp_path / "workshop")
        site.label()
        run = site.open(parameters={"do": "sleep", "sleep_s": 1.5})
        with site.trainer() as trainer, working(trainer):
            until(lambda: site.run(run).what == "asleep", "the trainer sleeps")
            postgres.stop(signal.SIGQUIT)
            time.sleep(0.5)
            postgres.start()
        row = site.run(run)
        assert (row.state, row.attempt, row.retries) == ("registered", 1, 0), site.log(run)
        assert len(site.versions()) == 2


def test_a_stopped_cloud_hands_its_run_back_and_a_killed_one_takes_its_trainer_along(
    bundles: Bundles, tmp_path: Path
) -> None:
    path = installed(tmp_path / "installed")
    process = CloudProcess(tmp_path, "--role", "api,trainer", environment={"PYTHONPATH": path})
    clock = ManualClock(datetime.now(UTC) - timedelta(hours=2))
    with process.start(), open_services(settings_for(process.data_dir), clock=clock) as services:
        site = TrainingSite(Cloud(services, clock), bundles.sure, tmp_path / "workshop")
        site.label()
        run = site.open(parameters={"do": "wait"})
        until_trained(site, run)
        assert process.stop() == 0
        row = site.run(run)
        assert (row.state, row.failures, row.worker) == ("queued", 0, None), process.log
        process.start()
        until_trained(site, run)
        children = psutil.Process(process.pid).children()
        (trainer,) = [one for one in children if "roost_cloud.training" in one.cmdline()]
        process.kill()
        until(lambda: not trainer.is_running() or trainer.status() == psutil.STATUS_ZOMBIE, "the trainer ended")
        (left,) = [one for one in (process.data_dir / "training").iterdir() if one.name != "cache"]
        process.start()
        until(lambda: not left.exists(), "what it left is cleared away")
        assert site.run(run).state == "training"  # until its lease is over
        assert site.versions() == ["1"]
