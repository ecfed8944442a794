"""What the device says of itself: what answers, whether that has proven itself, and what is in its way."""

from typing import cast

import pytest

from roost_edge.changeover.changeover import Changeover
from roost_edge.changeover.progress import Progress
from roost_edge.changeover.report import describe_assignment, make_report
from roost_edge.settings.config import TaskConfig
from roost_edge.tasks.task import Task
from roost_edge.tasks.unassigned import unassigned_task
from roost_edge.workers import ContestantStats, WorkerHandle
from roost_shared.assignment import Reported, Running
from roost_shared.messages import ErrorInfo
from roost_shared.rendezvous import Contestant, Rule, TaskPolicy

ALTERED = ErrorInfo("bundle.altered_blob", "it is not what it was")


class Worker:
    def stats(self, seat: str) -> ContestantStats:
        assert seat == "a@2"
        nothing = dict.fromkeys(("pid", "bundle", "p50_ms", "p99_ms", "last_error"))
        return ContestantStats(
            state="ready",
            shares_base_with=(),
            restarts=0,
            served=0,
            faults=0,
            waiting=0,
            **cast("dict[str, None]", nothing),
        )


def task() -> Task:
    contestants = [
        Contestant(name="a"),
        Contestant(name="b"),
        Contestant(name="c", where="cloud"),
        Contestant(name="d", role="decoy"),
    ]
    return Task(
        TaskPolicy(task="meter", contestants=contestants, rules=[Rule(accept="a")], deadline_ms=300),
        workers={"a": cast("WorkerHandle", Worker())},
        refused={"b": ALTERED},
        bundles={"a": "meter:2@sha256:00"},
        unsigned=False,
        seats={"a": "a@2"},
    )


def report(changeover: Changeover, progress: Progress | None = None, *, desired: int = 0) -> Reported:
    tasks = {"meter": task(), "other": unassigned_task("other", TaskConfig())}
    return make_report("b1", changeover, progress or Progress(), tasks, desired=desired, trust="fresh", link="good")


def test_each_contestant_is_told_as_it_really_runs() -> None:
    assert report(Changeover()).tasks == {
        "meter": {
            "a": Running(bundle="meter:2@sha256:00", state="ready"),
            "b": Running(bundle=None, state="refused", error=ALTERED),
            "c": Running(bundle=None, state="good"),
        },
        "other": {},
    }


@pytest.mark.parametrize(
    ("changeover", "version", "confirmed"),
    [
        (Changeover(), 0, False),
        (Changeover(in_force=2), 2, True),
        (Changeover(2, 1, confirmed=False), 2, False),
    ],
)
def test_only_what_has_proven_itself_is_confirmed(changeover: Changeover, version: int, *, confirmed: bool) -> None:
    told = report(changeover)
    assert (told.version, told.confirmed) == (version, confirmed)


def test_while_another_is_on_trial_what_answers_is_still_confirmed() -> None:
    changeover = Changeover(in_force=1)
    changeover.staged(2, replaces_all=True)
    told = report(changeover, desired=2)
    assert (told.version, told.confirmed, told.desired) == (1, True, 2)
    assert describe_assignment(told, changeover, 77)["phase"] == "starting"


def test_what_is_in_its_way_is_told() -> None:
    progress = Progress()
    progress.told(3, [], ALTERED)
    told = report(Changeover(in_force=2), progress)
    assert (told.desired, told.problem) == (3, ALTERED)
    assert describe_assignment(told, Changeover(in_force=2), None)["problem"] == {
        "code": "bundle.altered_blob",
        "message": "it is not what it was",
    }
