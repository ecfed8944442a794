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
from roost_edge.changeover.line import line_up_plan, open_plan
from roost_edge.changeover.lines import Lines, Placement
from roost_edge.changeover.progress import Progress
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
from roost_shared.clock import MS, SECOND
from roost_shared.complaints import Complaints
from roost_shared.errors import ContentError
from roost_shared.messages import ErrorInfo

__all__ = ["Follower"]

log = logging.getLogger(__name__)

_LOOK_NS: Final = 200 * MS  # between two looks at what is seen of those on trial
_GOODBYE_NS: Final = 2 * SECOND  # that the installer may take to end
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
        is_stopped: `stop` was called, and the installer's process has ended.
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
        self.is_stopped = False
        self.progress = Progress()
        self.trust = in_force.trust
        self.newest = 0 if in_force.plan is None else in_force.plan.assignment.version
        self._config = config
        self._board = board
        self._reactor = reactor
        self._complaints = complaints
        self._errands: Errands | None = None
        self._plans: dict[int, Plan] = {}
        self._bringing_up: BringingUp | None = None
        self._trials = Trials(board, reactor)
        self._lines = Lines(board, self._trials, self.progress)
        self._look_timer: Timer | None = None
        self._stopped = False
        self.changeover = changeover_of(in_force)
        self._resume(in_force)

    def _resume(self, in_force: InForce) -> None:
        """Go on with what is in force, and watch it on where it is not confirmed."""
        if in_force.problem is not None:
            self._complaints.note(in_force.problem.code, in_force.problem.message)
        lines = resume(in_force, self._config, self._board, self._complaints)
        if not lines:
            return
        self._lines.resume(lines[0], lines[1] if len(lines) > 1 else None, confirmed=in_force.confirmed)
        if not in_force.confirmed:
            self._look_later()

    # ---- what the agent tells

    def begin(self) -> None:
        """The agent runs: what is not acknowledged yet may be."""
        if self.installer is not None and self.changeover.phase != "idle":
            self.installer.need()

    def stop(self, on_stopped: Callable[[], object] = _nothing) -> None:
        """Decide nothing any more; what is on its way is gone on with after the next start.

        Args:
            on_stopped: called once the installer's process has ended; it has a moment for that.
        """
        self._stopped = True
        if self._look_timer is not None:
            self._look_timer.cancel()
        if self._errands is not None:
            self._errands.close(0)
        if self.installer is not None:
            self.installer.stop(_GOODBYE_NS, partial(self._ended, on_stopped))

    def _ended(self, on_stopped: Callable[[], object]) -> None:
        self.is_stopped = True
        on_stopped()

    def close(self) -> None:
        """Wait for nobody."""
        if self.installer is not None:
            self.installer.close()

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
        if self.changeover.phase == "idle":
            self._lines.note_resumed()

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
                log.warning("assignment %s is refused: %s: %s", version or "as it came", error.code, error.message)
                self.progress.told(version, installs, None if again else error)
                if not again:
                    self._do(self.changeover.refused(version, error))
            case protocol.IsInForce(version):
                self.progress.believed()
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
        now = self._lines.now
        answered = set() if now is None else now.lineups.keys()
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
                    self._lines.note_taken_back(version, error)
                    self._tell(protocol.TakeBack(version, error))
                case steps.Start(version):
                    self._start(version)
                case _:
                    self._place(effect)
        if effects:
            self.on_changed()

    def _tell(self, message: protocol.PutInForce | protocol.Confirm | protocol.TakeBack) -> None:
        if self.installer is not None:
            self.installer.tell(message)

    def _start(self, version: int) -> None:
        plan = self._plans.pop(version)
        self._plans = {later: one for later, one in self._plans.items() if later > version}
        self._lines.begin(plan)
        local = [name for name in plan.assignment.tasks if self._board.is_local(name)]
        if local:
            self._bad(ErrorInfo("task.local", f"agent.toml states the contestants of {local[0]!r} itself"))
            return
        if self._errands is None:
            self._errands = Errands(self._reactor, "bundles")
        known = {} if self._lines.now is None else self._lines.now.bundles
        self._errands.run(partial(open_plan, plan, self._config, known), partial(self._opened, plan))

    def _opened(self, plan: Plan, opened: dict[str, Opened]) -> None:
        """The bundles are open, or cannot be."""
        lines = self._lines
        if self._stopped or lines.coming is None or lines.coming.plan is not plan:
            return  # it was given up meanwhile
        try:
            coming = line_up_plan(plan, opened, self._config, self._board.make_worker, lines.now, gently=True)
        except ContentError as error:
            self._bad(ErrorInfo(error.code, str(error)))
            return
        lines.coming = coming
        newcomers = coming.newcomers(lines.now)
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
        lines = self._lines
        assert lines.coming is not None, "it was brought up"  # noqa: S101
        shadows = self._trials.can_shadow(lines.now, lines.coming)
        self._do(self.changeover.started(shadows=shadows))

    def _place(self, effect: Placement) -> None:
        if isinstance(effect, steps.Drop) and self._bringing_up is not None:
            self._bringing_up.stop()
            self._bringing_up = None
        self._lines.place(effect)
        if isinstance(effect, steps.Shadow | steps.Swap):
            self._look_later()

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
