"""Follows the assignment: carries out what `Changeover` decides, with workers, tasks and the installer's process.

    cloud ─ desired ─▶ installer ─ Staged ─▶ Changeover ─▶ start, shadow, swap, retire ─▶ workers and tasks
                           ▲                     │  ▲
                           └ PutInForce, Confirm ┘  └ what is seen of those on trial (`Watch`, `judgement`)

Nothing of it is needed to answer: whatever is in force answers on, whoever of these is away.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from roost_edge.changeover import changeover as steps
from roost_edge.changeover.bringing_up import BringingUp, refusal
from roost_edge.changeover.line import Line, line_up_plan, open_plan
from roost_edge.changeover.progress import Figures, Progress
from roost_edge.changeover.resuming import changeover_of, resume
from roost_edge.changeover.trials import Trials
from roost_edge.installer import protocol
from roost_edge.installer.installer import Installer
from roost_edge.installer.plan import InForce, Plan
from roost_edge.loop.errands import Errands
from roost_edge.loop.reactor import Reactor, Timer
from roost_edge.settings.config import AgentConfig
from roost_edge.tasks.board import TaskBoard
from roost_edge.tasks.lineup import Opened
from roost_edge.workers import ContestantState
from roost_shared.assignment import Phase
from roost_shared.clock import MS
from roost_shared.complaints import Complaints
from roost_shared.errors import ContentError
from roost_shared.messages import ErrorInfo

__all__ = ["Follower"]

log = logging.getLogger(__name__)

_LOOK_NS: Final = 200 * MS  # between two looks at what is seen of those on trial
_JUDGED: Final = ("shadowing", "committing", "watching")


def _nothing() -> None:
    """Nobody wants to know."""


class Follower:
    """Of one agent.

    Args:
        config: agent.toml.
        board: the tasks as they run.
        reactor: the agent's loop.
        complaints: hears of what is wrong.
        in_force: what the device runs by assignment, as it lies on the disk.

    Attributes:
        installer: the process; set before anything is staged or desired.
        on_changed: called when there may be something new to report.
        changeover: where the device is on its way.
        progress: how far the newest assignment is.
        trust, newest: as the installer last told: how its last look at what is released ended, and the newest
            version that it has believed.
    """

    def __init__(
        self, config: AgentConfig, board: TaskBoard, reactor: Reactor, complaints: Complaints, in_force: InForce
    ) -> None:
        self.installer: Installer | None = None
        self.on_changed: Callable[[], object] = _nothing
        self.progress = Progress()
        self.trust = "unchecked"
        self.newest = 0 if in_force.plan is None else in_force.plan.assignment.version
        self._config = config
        self._board = board
        self._reactor = reactor
        self._complaints = complaints
        self._errands: Errands | None = None
        self._plans: dict[int, Plan] = {}
        self._line: Line | None = None  # that answers
        self._coming: Line | None = None  # on trial, and does not answer
        self._before: Line | None = None  # to return to
        self._bringing_up: BringingUp | None = None
        self._trials = Trials(board, reactor)
        self._look_timer: Timer | None = None
        self._stopped = False
        self._shift: dict[type[steps.Effect], Callable[[], None]] = {
            steps.Shadow: self._shadow,
            steps.Swap: self._swap,
            steps.SwapBack: self._swap_back,
            steps.Drop: self._drop,
            steps.Retire: self._retire,
        }
        self.changeover = changeover_of(in_force)
        self._resume(in_force)

    def _resume(self, in_force: InForce) -> None:
        """Go on with what is in force, and watch it on where it is not confirmed."""
        if in_force.problem is not None:
            self._complaints.note(in_force.problem.code, in_force.problem.message)
        lines = resume(in_force, self._config, self._board, self._complaints)
        if not lines:
            return
        self._line = lines[0]
        if in_force.confirmed:
            self._trials.end(self._line)
            return
        self._before = lines[1] if len(lines) > 1 else None
        self._trials.watch(self._line, self._before)
        self._note_progress("active")
        self._look_later()

    # ---- what the agent tells

    def begin(self) -> None:
        """The agent runs: what is not acknowledged yet may be."""
        if self.installer is not None and self.changeover.phase != "idle":
            self.installer.need()

    def stop(self) -> None:
        """Decide nothing any more; what is on its way is gone on with after the next start."""
        self._stopped = True
        if self._look_timer is not None:
            self._look_timer.cancel()
        if self.installer is not None:
            self.installer.close()
        if self._errands is not None:
            self._errands.close(0)

    def desired(self, envelope: bytes) -> None:
        """The cloud says what this device shall run; see `AssignmentListener`."""
        if self.installer is not None and not self._stopped:
            self.installer.desired(envelope)

    def cloud_link(self, *, up: bool) -> None:
        """The cloud can be reached, or no more."""
        if self.installer is not None:
            self.installer.link(up=up)

    def worker_state(self, task: str, seat: str, state: ContestantState, detail: ErrorInfo | None) -> None:
        """A contestant of a worker entered a state."""
        if self._stopped:
            return
        if self._bringing_up is not None:
            self._bringing_up.heard(task, seat, state, detail)
        elif self._trials.note_state(task, seat, state):
            if state in ("failed", "thrown_out"):
                self._bad(refusal(task, seat, state, detail))
            else:
                self._look_later(0)
        elif state == "ready":
            self._note_resumed()
        self.on_changed()

    def _note_resumed(self) -> None:
        """After a start, what had been confirmed before is told of again, with its golden outputs."""
        line = self._line
        if self.changeover.phase != "idle" or line is None or not line.is_whole:
            return
        known = self.progress.installs if self.progress.version == line.version else []
        if self.progress.version <= line.version and not known:
            self._note_progress("confirmed")

    # ---- what the installer says

    def installer_ready(self) -> None:
        """There is a new process; see `InstallerListener`."""
        if not self._stopped:
            self._do(self.changeover.installer_ready())

    def installer_said(self, message: protocol.FromInstaller) -> None:
        """The process said something; see `InstallerListener`."""
        if self._stopped:
            return
        match message:
            case protocol.Staged(plan):
                self._staged(plan)
            case protocol.Progress(version, installs):
                self.progress.told(version, installs)
            case protocol.Refused(version, error, installs, again):
                log.warning("assignment %d is refused: %s: %s", version, error.code, error.message)
                self.progress.told(version, installs, None if again else error)
                if not again:
                    self._do(self.changeover.refused(version, error))
            case protocol.IsInForce(version):
                self._came_into_force(version)
            case protocol.Confirmed(version):
                self._do(self.changeover.confirmed(version))
            case protocol.TakenBack(version, in_force):
                self._do(self.changeover.taken_back(version, in_force))
            case protocol.Status():
                self.trust, self.newest = message.trust, message.desired
        self.on_changed()

    def _came_into_force(self, version: int) -> None:
        """The installer has put a version in force; it answers as soon as its workers can, however long that took."""
        if self._stopped:
            return
        if self.changeover.phase == "committing" and not self._trials.is_ready:
            self._reactor.call_after(_LOOK_NS, partial(self._came_into_force, version))
        else:
            self._do(self.changeover.is_in_force(version))

    def _staged(self, plan: Plan) -> None:
        version = plan.assignment.version
        self._plans[version] = plan
        answered = set() if self._line is None else self._line.lineups.keys()
        self._do(self.changeover.staged(version, replaces_all=plan.assignment.tasks.keys() <= answered))

    # ---- what was decided

    def _do(self, effects: list[steps.Effect]) -> None:
        for effect in effects:
            match effect:
                case steps.PutInForce(version):
                    self._tell(protocol.PutInForce(version))
                case steps.Confirm(version):
                    self._tell(protocol.Confirm(version))
                case steps.TakeBack(version, error):
                    self._take_back(version, error)
                case steps.Start(version):
                    self._start(version)
                case _:
                    self._shift[type(effect)]()
        if effects:
            self.on_changed()

    def _tell(self, message: protocol.PutInForce | protocol.Confirm | protocol.TakeBack) -> None:
        if self.installer is not None:
            self.installer.tell(message)

    def _start(self, version: int) -> None:
        plan = self._plans.pop(version)
        self._plans = {later: one for later, one in self._plans.items() if later > version}
        self._coming = Line(plan, {})
        self._note_progress("staged")
        log.info("assignment %d: starting", version)
        local = [name for name in plan.assignment.tasks if self._board.is_local(name)]
        if local:
            self._bad(ErrorInfo("task.local", f"agent.toml states the contestants of {local[0]!r} itself"))
            return
        if self._errands is None:
            self._errands = Errands(self._reactor, "bundles")
        known = {} if self._line is None else self._line.bundles
        self._errands.run(partial(open_plan, plan, self._config, known), partial(self._opened, plan))

    def _opened(self, plan: Plan, opened: dict[str, Opened]) -> None:
        """The bundles are open, or cannot be."""
        if self._stopped or self._coming is None or self._coming.plan is not plan:
            return  # it was given up meanwhile
        try:
            coming = line_up_plan(plan, opened, self._config, self._board.make_worker, self._line, gently=True)
        except ContentError as error:
            self._bad(ErrorInfo(error.code, str(error)))
            return
        self._coming = coming
        newcomers = coming.newcomers(self._line)
        self._board.add([one.worker for one in newcomers])
        if coming.refused is not None:
            self._bad(coming.refused)
            return
        self._bringing_up = BringingUp(newcomers, self._all_ready, self._bad)
        self._bringing_up.start()

    def _bad(self, error: ErrorInfo) -> None:
        """What is on trial does not work here."""
        # Not at once, from inside an effect or a worker's word: what follows stops workers and begins the next trial.
        self._reactor.call_soon(partial(self._give_up, self.changeover.trial, error))

    def _give_up(self, version: int, error: ErrorInfo) -> None:
        if version == self.changeover.trial and not self._stopped:
            self._do(self.changeover.bad(error))

    def _all_ready(self) -> None:
        self._bringing_up = None
        assert self._coming is not None, "it was brought up"  # noqa: S101
        shadows = self._trials.can_shadow(self._line, self._coming)
        self._do(self.changeover.started(shadows=shadows))

    def _shadow(self) -> None:
        assert self._line is not None and self._coming is not None, "both are lined up"  # noqa: PT018, S101
        log.info("assignment %d: its contestants score beside those of %d", self._coming.version, self._line.version)
        self._trials.shadow(self._line, self._coming)
        self._note_progress("shadowing")
        self._look_later()

    def _swap(self) -> None:
        assert self._coming is not None, "it is lined up"  # noqa: S101
        self._before, self._line, self._coming = self._line, self._coming, None
        self._trials.watch(self._line, self._before)
        log.info("assignment %d: answers", self._line.version)
        self._note_progress("active")
        self._look_later()

    def _swap_back(self) -> None:
        self._line, self._coming, self._before = self._before, self._line, None

    def _take_back(self, version: int, error: ErrorInfo) -> None:
        log.warning("assignment %d is taken back: %s: %s", version, error.code, error.message)
        if self._coming is not None and self._coming.version == version:
            phase: Phase = "rolled_back" if self._trials.watching else "failed"
            self.progress.seen(self._coming.plan, phase, self._trials.figures(), error)
        self._tell(protocol.TakeBack(version, error))

    def _drop(self) -> None:
        """What was on trial goes; what runs runs as if it had never been there."""
        coming, self._coming = self._coming, None
        if self._bringing_up is not None:
            self._bringing_up.stop()
            self._bringing_up = None
        self._trials.end(self._line, coming)
        if coming is not None:
            self._board.leave([one.worker for one in coming.newcomers(self._line)])

    def _retire(self) -> None:
        """What was before goes: what runs has proven itself."""
        before, self._before = self._before, None
        self._note_progress("confirmed")
        self._trials.end(self._line)
        if before is not None:
            self._board.leave([one.worker for one in before.newcomers(self._line)])
        if self._line is not None:
            log.info("assignment %d: confirmed", self._line.version)

    # ---- what is seen

    def _look_later(self, wait_ns: int = _LOOK_NS) -> None:
        if self._look_timer is not None:
            self._look_timer.cancel()
        self._look_timer = self._reactor.call_after(wait_ns, self._look)

    def _look(self) -> None:
        self._look_timer = None
        if self._stopped or self.changeover.phase not in _JUDGED:
            return
        finding = self._trials.judge()
        if isinstance(finding, ErrorInfo):
            self._do(self.changeover.bad(finding))
        elif finding:
            self._do(self.changeover.enough())
        if self.changeover.phase in _JUDGED:
            self._look_later()

    def _note_progress(self, phase: Phase) -> None:
        line = self._coming or self._line
        if line is not None:
            figures: Figures = line.at_rest | self._trials.figures()
            self.progress.seen(line.plan, phase, figures)
