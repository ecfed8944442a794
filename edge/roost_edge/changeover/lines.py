"""The assignment that answers, the one on trial and the one to return to: puts each in its place as it is decided.

It decides nothing, starts no worker and knows no installer; `Follower` does.
"""

import logging

from roost_edge.changeover import changeover as steps
from roost_edge.changeover.line import Line
from roost_edge.changeover.progress import Progress
from roost_edge.changeover.trials import Trials
from roost_edge.installer.plan import Plan
from roost_edge.tasks.board import TaskBoard
from roost_shared.assignment import Phase
from roost_shared.messages import ErrorInfo

__all__ = ["Lines", "Placement"]

log = logging.getLogger(__name__)

Placement = steps.Shadow | steps.Swap | steps.SwapBack | steps.Drop | steps.Retire


class Lines:
    """Of one agent.

    Args:
        board: the tasks as they run.
        trials: the tasks while something is on trial.
        progress: is told how far each bundle is.

    Attributes:
        now: answers.
        coming: is on trial, and does not answer.
        before: to return to.
    """

    def __init__(self, board: TaskBoard, trials: Trials, progress: Progress) -> None:
        self.now: Line | None = None
        self.coming: Line | None = None
        self.before: Line | None = None
        self._board = board
        self._trials = trials
        self._progress = progress

    def resume(self, now: Line, before: Line | None, *, confirmed: bool) -> None:
        """Go on with what was in force, and watch it on where it is not confirmed."""
        self.now = now
        if confirmed:
            self._trials.end(now)
            return
        self.before = before
        self._trials.watch(now, before)
        self._note("active")

    def note_resumed(self) -> None:
        """What had been confirmed before a start is told of again once it can score, with its golden outputs."""
        now = self.now
        if now is None or not now.is_whole or self._progress.version > now.version:
            return
        if self._progress.version < now.version or not self._progress.installs:
            self._note("confirmed")

    def begin(self, plan: Plan) -> None:
        """A plan is next; its tasks are lined up once its bundles are open."""
        self.coming = Line(plan, {})
        self._note("staged")
        log.info("assignment %d: starting", self.coming.version)

    def place(self, effect: Placement) -> None:
        """Carry out what `Changeover` has decided."""
        match effect:
            case steps.Shadow():
                self._shadow()
            case steps.Swap():
                self._swap()
            case steps.SwapBack():
                self.now, self.coming, self.before = self.before, self.now, None  # `Drop` follows
            case steps.Drop():
                self._drop()
            case steps.Retire():
                self._retire()

    def _shadow(self) -> None:
        """Let what comes score beside what answers."""
        assert self.now is not None and self.coming is not None, "both are lined up"  # noqa: PT018, S101
        log.info("assignment %d: its contestants score beside those of %d", self.coming.version, self.now.version)
        self._trials.shadow(self.now, self.coming)
        self._note("shadowing")

    def _swap(self) -> None:
        """Let what comes answer, and what answered score beside it."""
        assert self.coming is not None, "it is lined up"  # noqa: S101
        self.before, self.now, self.coming = self.now, self.coming, None
        self._trials.watch(self.now, self.before)
        log.info("assignment %d: answers", self.now.version)
        self._note("active")

    def note_taken_back(self, version: int, error: ErrorInfo) -> None:
        """What is on trial does not do."""
        log.warning("assignment %d is taken back: %s: %s", version, error.code, error.message)
        if self.coming is not None and self.coming.version == version:
            phase: Phase = "rolled_back" if self._trials.watching else "failed"
            self._progress.seen(self.coming.plan, phase, self._trials.figures(), error)

    def _drop(self) -> None:
        """What was on trial goes; what runs runs as if it had never been there."""
        coming, self.coming = self.coming, None
        self._trials.end(self.now, coming)
        self._leave(coming)

    def _retire(self) -> None:
        """What was before goes: what runs has proven itself."""
        before, self.before = self.before, None
        self._note("confirmed")
        self._trials.end(self.now)
        self._leave(before)
        if self.now is not None:
            log.info("assignment %d: confirmed", self.now.version)

    def _leave(self, line: Line | None) -> None:
        if line is not None:
            self._board.leave([one.worker for one in line.newcomers(self.now)])

    def _note(self, phase: Phase) -> None:
        line = self.coming or self.now
        if line is not None:
            self._progress.seen(line.plan, phase, {**line.at_rest, **self._trials.figures()})
