"""Runs are claimed and fenced alike on SQLite and PostgreSQL, whoever else is at it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from roost_cloud.db.tables import BundleVersion
from roost_cloud.runs import claiming, store
from roost_cloud.runs.claiming import LEASE, Claim, News, RunLostError
from roost_cloud.runs.policy import RunPolicy
from roost_cloud.runs.state import Move
from roost_cloud.runs.store import NewRun, RunOpenError
from tests.support.cloud import Cloud

WORKERS = 8


def opened(cloud: Cloud, task: str) -> str:
    now = cloud.services.now()
    incumbent = BundleVersion(name="meter", version="7", digest="sha256:" + 64 * "0", created_at=now)
    new = NewRun(
        tenant="acme",
        task=task,
        policy=RunPolicy(attempts=2),
        cause="person",
        reason="tried",
        incumbent=incumbent,
        since=now,
    )
    with cloud.services.database.begin() as session:
        return store.open_run(session, new, actor="token:test", now=now).id


def test_of_many_who_open_a_run_of_a_task_one_does(cloud: Cloud) -> None:
    cloud.tenant("acme")

    def try_it(_: int) -> str:
        try:
            return opened(cloud, "meter")
        except RunOpenError as error:
            return f"not {error.run}"

    with ThreadPoolExecutor(WORKERS) as threads:
        found = list(threads.map(try_it, range(WORKERS)))
    (run,) = [one for one in found if not one.startswith("not")]
    assert sorted(one for one in found if one != run) == [f"not {run}"] * (WORKERS - 1)


def test_of_many_who_claim_runs_each_run_has_one(cloud: Cloud) -> None:
    cloud.tenant("acme")
    runs = {opened(cloud, f"task-{number}") for number in range(5)}

    def claim(number: int) -> list[str]:
        mine = []
        for _ in range(5):
            with cloud.services.database.begin() as session:
                row = claiming.claim(session, f"w{number}", cloud.services.now())
                mine += [] if row is None else [row.id]
        return mine

    with ThreadPoolExecutor(WORKERS) as threads:
        claimed = [run for mine in threads.map(claim, range(WORKERS)) for run in mine]
    assert sorted(claimed) == sorted(runs)
    with cloud.services.database.read() as session:
        assert not claiming.is_any_due(session, cloud.services.now())


def test_a_run_that_was_approved_is_registered_by_one_worker(cloud: Cloud) -> None:
    """While it is, its state stays `approved`, which others could claim."""
    cloud.tenant("acme")
    run, now = opened(cloud, "meter"), cloud.services.now()
    moves: tuple[Move, ...] = ("train", "judge", "pass")
    with cloud.services.database.begin() as session:
        claiming.claim(session, "first", now)
        for by in moves:
            claiming.advance(session, Claim("acme", run, 1, "first"), by, "on it", now)
        store.approve(session, "acme", run, note=None, actor="token:ann", now=now)
    with cloud.services.database.begin() as session:
        found = claiming.claim(session, "second", now)
        assert found is not None
        assert (found.id, found.state) == (run, "approved")
    with cloud.services.database.begin() as session:
        assert claiming.claim(session, "third", now) is None


def test_a_lost_run_is_another_workers_and_the_late_one_writes_nothing(cloud: Cloud) -> None:
    cloud.tenant("acme")
    run = opened(cloud, "meter")
    database = cloud.services.database
    with database.begin() as session:
        claiming.claim(session, "first", cloud.services.now())
    first = Claim("acme", run, 1, "first")
    with database.begin() as session:
        claiming.report(
            session,
            first,
            News(done=1, total=3, what="looking", lines=["a"], metrics={"a": 1.0}),
            cloud.services.now(),
        )
    cloud.clock.advance(LEASE - timedelta(seconds=1))
    with database.begin() as session:
        assert claiming.reap(session, cloud.services.now(), draw=1.0) == []
    cloud.clock.advance(timedelta(seconds=2))
    with database.begin() as session:
        assert claiming.reap(session, cloud.services.now(), draw=1.0) == [("acme", run)]
        assert claiming.claim(session, "second", cloud.services.now()) is None  # it waits a little
    cloud.clock.advance(timedelta(seconds=11))
    with database.begin() as session:
        claimed = claiming.claim(session, "second", cloud.services.now())
        assert claimed is not None
        assert (claimed.attempt, claimed.failures) == (2, 1)
    second = Claim("acme", run, 2, "second")
    for write in (
        lambda session: claiming.report(
            session, first, News(lines=["late"], metrics={"a": 9.0}), cloud.services.now()
        ),
        lambda session: claiming.advance(session, first, "train", "late", cloud.services.now()),
        lambda session: claiming.fault(session, first, "crash", "late", "late", cloud.services.now(), draw=0.0),
        lambda session: claiming.hand_back(session, first, cloud.services.now()),
    ):
        with pytest.raises(RunLostError), database.begin() as session:
            write(session)
    with database.begin() as session:
        claiming.advance(session, second, "train", "on it", cloud.services.now())
        row = store.get(session, "acme", run)
        assert [one.text for one in store.lines(session, row, after=0, limit=10)] == ["a"]
        assert {one.name: one.value for one in store.metrics(session, row)} == {"a": 1.0}
        claiming.fault(session, second, "crash", "run.crash", "again", cloud.services.now(), draw=0.0)
        assert (row.state, row.failures) == ("failed", 2)
    with database.begin() as session:
        again = store.page(session, "acme", store.Chosen(is_open=False), limit=10)
        assert [one.id for one in again] == [run]
        ways = [one.after for one in store.steps(session, again[0])]
    assert ways == ["queued", "preparing", "queued", "preparing", "training", "failed"]


def test_runs_come_in_pages(cloud: Cloud) -> None:
    cloud.tenant("acme")
    runs = []
    for number in range(5):
        runs.append(opened(cloud, f"task-{number}"))
        cloud.clock.advance(timedelta(seconds=1))
    with cloud.services.database.read() as session:
        first = store.page(session, "acme", store.Chosen(), limit=3)
        rest = store.page(session, "acme", store.Chosen(), limit=3, after=first[-1].id)
    assert [one.id for one in [*first, *rest]] == runs[::-1]
