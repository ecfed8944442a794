"""New workers come up one after the other, and what never comes up is given up."""

from typing import cast

import pytest

from roost_edge.changeover.bringing_up import BringingUp, Newcomer
from roost_edge.workers import ContestantState, WorkerHandle
from roost_shared.messages import ErrorInfo

GOLDEN = ErrorInfo("bundle.golden_mismatch", "deviates")


class Pair:
    """Two workers, the first with two seats."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.ended: list[str] = []
        self.bringing_up = BringingUp(
            [self.newcomer("a", "a@2", "b@2"), self.newcomer("c", "c@2")],
            lambda: self.ended.append("ready"),
            lambda error: self.ended.append(error.code),
        )
        self.bringing_up.start()

    def newcomer(self, name: str, *seats: str) -> Newcomer:
        started = self.started

        class Worker:
            def start(self) -> None:
                started.append(name)

        return Newcomer("meter", cast("WorkerHandle", Worker()), frozenset(seats))

    def hear(self, seat: str, state: ContestantState, detail: ErrorInfo | None = None) -> None:
        self.bringing_up.heard("meter", seat, state, detail)


def test_the_next_starts_when_the_one_before_is_ready_with_all_its_seats() -> None:
    pair = Pair()
    pair.hear("a@2", "ready")
    pair.hear("c@2", "ready")  # not its turn
    assert pair.started == ["a"]
    pair.hear("b@2", "ready")
    assert (pair.started, pair.ended) == (["a", "c"], [])
    pair.hear("c@2", "ready")
    assert pair.ended == ["ready"]


@pytest.mark.parametrize(
    ("detail", "code"),
    [
        (GOLDEN, "install.golden"),
        (ErrorInfo("device.no_runtime", "none"), "device.no_runtime"),
        (None, "install.not_started"),
    ],
)
def test_a_contestant_that_is_refused_ends_it_and_says_why(detail: ErrorInfo | None, code: str) -> None:
    pair = Pair()
    pair.hear("a@2", "ready")
    pair.hear("b@2", "failed", detail)
    pair.hear("b@2", "ready")
    assert (pair.started, pair.ended) == (["a"], [code])


def test_a_process_that_dies_before_it_is_ready_is_given_three_tries() -> None:
    pair = Pair()
    for _ in range(2):
        for seat in ("a@2", "b@2"):
            pair.hear(seat, "restarting", ErrorInfo("worker.crashed", "it died"))
    assert pair.ended == []
    for seat in ("a@2", "b@2"):
        pair.hear(seat, "restarting", ErrorInfo("worker.crashed", "it died"))
    assert pair.ended == ["install.not_started"]


def test_others_are_not_listened_to() -> None:
    pair = Pair()
    pair.bringing_up.heard("other", "a@2", "failed", GOLDEN)
    pair.hear("a@1", "failed", GOLDEN)
    assert pair.ended == []


def test_without_anybody_to_bring_up_it_is_over_at_once() -> None:
    ended: list[str] = []
    BringingUp([], lambda: ended.append("ready"), lambda error: ended.append(error.code)).start()
    assert ended == ["ready"]
