"""Brings up the workers of an assignment that is new: one after the other, so that loading takes one core at most.

It decides nothing but whose turn it is, and when one has failed for good.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from roost_edge.workers import ContestantState, WorkerHandle
from roost_shared.messages import ErrorInfo

__all__ = ["BringingUp", "Newcomer", "refusal"]

_LOSSES: Final = 3  # of a worker's process, before it was ready once
_GOLDEN: Final = "bundle.golden_mismatch"


class Newcomer(NamedTuple):
    """A worker to be started."""

    task: str
    worker: WorkerHandle
    seats: frozenset[str]


class BringingUp:
    """Those of one assignment.

    Args:
        newcomers: to be started, in order.
        on_ready: called once all of them are.
        on_bad: called with what is wrong, at most once, and then nothing else is.
    """

    def __init__(
        self,
        newcomers: list[Newcomer],
        on_ready: Callable[[], object],
        on_bad: Callable[[ErrorInfo], object],
    ) -> None:
        self._newcomers = newcomers
        self._on_ready = on_ready
        self._on_bad = on_bad
        self._missing: set[str] = set()  # seats of the one whose turn it is that are not ready
        self._losses = 0
        self._over = False

    def start(self) -> None:
        """Start the first."""
        self._next()

    def stop(self) -> None:
        """Call nobody any more."""
        self._over = True

    def heard(self, task: str, seat: str, state: ContestantState, detail: ErrorInfo | None) -> None:
        """A contestant entered a state."""
        if self._over or not self._newcomers or not self._is_of_first(task, seat):
            return
        if state == "ready":
            self._missing.discard(seat)
            if not self._missing:
                del self._newcomers[0]
                self._next()
        elif state in ("failed", "thrown_out", "stopped"):
            self._fail(refusal(task, seat, state, detail))
        elif state == "restarting":
            self._losses += 1
            if self._losses >= _LOSSES * len(self._newcomers[0].seats):
                why = "" if detail is None else f": {detail.code}: {detail.message}"
                self._fail(ErrorInfo("install.not_started", f"{task}/{seat} does not come up{why}"))

    def _is_of_first(self, task: str, seat: str) -> bool:
        first = self._newcomers[0]
        return task == first.task and seat in first.seats

    def _next(self) -> None:
        if not self._newcomers:
            self._over = True
            self._on_ready()
            return
        self._missing, self._losses = set(self._newcomers[0].seats), 0
        self._newcomers[0].worker.start()

    def _fail(self, error: ErrorInfo) -> None:
        self._over = True
        self._on_bad(error)


def refusal(task: str, seat: str, state: ContestantState, detail: ErrorInfo | None) -> ErrorInfo:
    """Why a contestant that a worker refused ends the trial of its assignment."""
    if detail is None:
        return ErrorInfo("install.not_started", f"{task}/{seat} is {state}")
    code = "install.golden" if detail.code == _GOLDEN else detail.code
    return ErrorInfo(code, f"{task}/{seat}: {detail.message}")
