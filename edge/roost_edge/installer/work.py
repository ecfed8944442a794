"""What is in hand, and what is done with it next: the installing thread's turns, without the thread.

    an envelope ──▶ believed ──▶ an attempt ──▶ staged
         │ later        │ supersedes what was on its way    │ later, or never

What is on its way is the standing's `pending`, so what the agent puts in force at the same moment is either still
that, or refused: no lock is needed between the two.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from roost_edge.installer import pointer, protocol
from roost_edge.installer.bringer import Bringer
from roost_edge.installer.errors import FitError, LyingServerError, PointerDamagedError
from roost_edge.installer.fit import Machine
from roost_edge.installer.garbage import collect_garbage
from roost_edge.installer.headway import Headway
from roost_edge.installer.job import Envelope, Job, Patience
from roost_edge.installer.settings import InstallerSettings
from roost_edge.installer.standing import Standing, believe, refuse
from roost_edge.installer.trusted_cloud import CloudInUse
from roost_shared.assignment import Assignment, Phase
from roost_shared.clock import SECOND, Clock
from roost_shared.digest import digest_of
from roost_shared.errors import ContentError, RoostError
from roost_shared.messages import ErrorInfo

__all__ = ["InterruptedWorkError", "Work"]

_IDLE_S: Final = 3600.0
_FAULTS: Final = 16  # told at a time


class InterruptedWorkError(Exception):
    """The thread is to end, or a newer envelope is there."""


class Work:
    """What there is to do.

    Args:
        settings: of the process.
        tell: hands a message on to the agent.
        stopping: set when the thread is to end.
        clock: what times are measured by.
        draw: randomness for waits, evenly in 0…1.
        machine: looks at this machine.

    Attributes:
        garbage: what is in force is another, or has proven itself: some of what lies there may be needed no more.
        linked: the link is back.
    """

    def __init__(
        self,
        settings: InstallerSettings,
        tell: Callable[[protocol.FromInstaller], object],
        stopping: threading.Event,
        *,
        clock: Clock,
        draw: Callable[[], float],
        machine: Callable[[], Machine],
    ) -> None:
        self._settings = settings
        self._state_dir = Path(settings.state_dir)
        self._tell = tell
        self._stopping = stopping
        self._clock = clock
        self._draw = draw
        self._cloud = CloudInUse(settings)
        self._bringer = Bringer(settings, tell, clock=clock, machine=machine, wait=self._wait)
        self._envelope: Envelope | None = None
        self._job: Job | None = None
        self._staged = 0
        self._lies = 0
        self._faults: list[ErrorInfo] = []
        self.garbage = self.linked = False

    # ---- from the other thread

    def desire(self, envelope: bytes) -> None:
        """The cloud desires this; empty: nothing any more. What is in hand already is not begun anew."""
        in_hand = self._envelope or self._job
        if in_hand is None or in_hand.data != envelope:
            jitter_ns = round(self._settings.start_jitter_s * self._draw() * SECOND)
            self._envelope = Envelope(envelope, Patience(due_ns=self._clock.now_ns() + jitter_ns))

    def forget(self, version: int) -> None:
        """A staged version was taken back."""
        if self._staged == version:
            self._staged = 0

    def take_faults(self) -> list[ErrorInfo]:
        """What went wrong since the last call, and is told nowhere else."""
        faults, self._faults = self._faults, []
        return faults

    def describe(self) -> dict[str, Any]:
        """Its part of the status document."""
        job, envelope = self._job, self._envelope
        patience = job.patience if job is not None else None if envelope is None else envelope.patience
        problem = None if patience is None else patience.told
        return {
            "state": "idle" if patience is None else "installing" if self._is_due(patience) else "waiting",
            "version": 0 if job is None else job.version,
            "staged": self._staged,
            "fetched_bytes": self._bringer.fetched_bytes,
            "lies": self._lies,
            "problem": None if problem is None else {"code": problem.code, "message": problem.message},
        }

    # ---- turns

    def turn(self) -> bool:
        """Do what is to be done next; whether there was anything.

        Raises:
            InterruptedWorkError: in the middle of it; the next turn knows why.
        """
        if self.linked:
            self.linked = False
            for one in (self._envelope, self._job):
                if one is not None:
                    one.patience.hurry(self._clock.now_ns())
        envelope = self._envelope
        if envelope is not None and envelope.is_new:
            envelope.is_new = False
            if self._is_known(envelope.data):
                self._done_with(envelope)
        elif envelope is not None and self._is_due(envelope.patience):
            self._judge(envelope)
        elif self._job is not None and self._is_due(self._job.patience):
            self._try(self._job)
        elif self.garbage and (self._job is None or self._job.is_misfit):
            self._collect()
        else:
            return False
        return True

    def idle_s(self) -> float:
        """How long there is nothing to do, in seconds."""
        waiting = [one.patience.due_ns for one in (self._envelope, self._job) if one is not None]
        return max(0.0, (min(waiting) - self._clock.now_ns()) / SECOND) if waiting else _IDLE_S

    def _is_due(self, patience: Patience) -> bool:
        return patience.due_ns <= self._clock.now_ns()

    def _wait(self, seconds: float) -> None:
        """Wait in the middle of an attempt."""
        if self._stopping.wait(seconds):
            raise InterruptedWorkError
        envelope = self._envelope
        if envelope is not None and (envelope.is_new or self._is_due(envelope.patience)):
            raise InterruptedWorkError

    def _done_with(self, envelope: Envelope) -> None:
        if self._envelope is envelope:  # else a newer one has come
            self._envelope = None

    # ---- what is desired

    def _is_known(self, data: bytes) -> bool:
        """Whether an envelope says nothing new; the agent is told what has become of it."""
        if not data:
            self._withdraw()
            return True
        try:
            standing = pointer.read_standing(self._state_dir)
        except PointerDamagedError:
            return False  # of which the judgement tells
        version = standing.newest
        if digest_of(data) != standing.newest_digest:
            return False
        if version == standing.current:
            self._say_in_force(standing)
        elif (error := standing.why_refused(version)) is not None:
            self._tell(protocol.Refused(version, error))
        elif version not in (self._staged, 0 if self._job is None else self._job.version):
            return False  # begun before a restart
        return True

    def _withdraw(self) -> None:
        """The cloud desires nothing any more."""
        job, self._job = self._job, None
        if job is not None:
            error = ErrorInfo("install.withdrawn", f"the cloud no longer assigns version {job.version}, nor another")
            self._tell(protocol.Refused(job.version, error, job.headway.installs("refused", error)))
            self.garbage = True

    def _judge(self, envelope: Envelope) -> None:
        """Believe an envelope, or say why not."""
        try:
            cloud = self._cloud.looked_at()
        except RoostError as error:
            self._doubt(envelope, error, believed=True)
            return
        try:
            standing = pointer.read_standing(self._state_dir)
            newest = standing.newest if standing.believed_as == cloud.believed_as else 0
            assignment = cloud.verify_assignment(envelope.data, newest)
            self._take_on(envelope, assignment, cloud.believed_as)
        except RoostError as error:
            self._doubt(envelope, error, believed=False)

    def _doubt(self, envelope: Envelope, error: RoostError, *, believed: bool) -> None:
        again = envelope.patience.pause(error, self._clock.now_ns(), self._draw(), believed=believed)
        info = ErrorInfo(error.code, str(error))
        if not again:
            self._done_with(envelope)
        if not again or envelope.patience.is_news(info):
            self._tell(protocol.Refused(0, info, again=again))

    def _take_on(self, envelope: Envelope, assignment: Assignment, believed_as: str) -> None:
        """An assignment is believed: it supersedes what was on its way."""
        version, digest = assignment.version, digest_of(envelope.data)
        superseded = 0

        def change(standing: Standing) -> Standing:
            nonlocal superseded
            superseded = 0 if standing.pending == version else standing.pending
            return believe(standing, version, digest, believed_as)

        standing = pointer.change_standing(self._state_dir, change)
        self._done_with(envelope)
        if superseded:
            self._supersede(superseded, version)
        if version == standing.current:
            self._say_in_force(standing)
        elif (error := standing.why_refused(version)) is not None:
            self._tell(protocol.Refused(version, error))
        elif version not in (self._staged, 0 if self._job is None else self._job.version):
            self._job = Job(envelope.data, assignment, Headway(assignment), Patience())
            self._bringer.tell(self._job)

    def _supersede(self, version: int, by: int) -> None:
        job, self._job = self._job, None
        error = ErrorInfo("install.superseded", f"version {by} was assigned before version {version} was in force")
        installs = [] if job is None or job.version != version else job.headway.installs("refused", error)
        self._staged = 0
        self._tell(protocol.Refused(version, error, installs))

    def _say_in_force(self, standing: Standing) -> None:
        self._tell(protocol.IsInForce(standing.current))
        if standing.confirmed:
            self._tell(protocol.Confirmed(standing.current))

    # ---- an attempt

    def _try(self, job: Job) -> None:
        before_bytes = self._bringer.fetched_bytes
        try:
            plan = self._bringer.bring(job, self._cloud.looked_at_lately())
        except RoostError as error:
            if self._bringer.fetched_bytes > before_bytes:
                job.patience.backoff.reset()
            self._fail(job, error)
            return
        self._job, self._staged = None, job.version
        self._bringer.tell(job)
        self._tell(protocol.Staged(plan))

    def _fail(self, job: Job, error: RoostError) -> None:
        self._lies += isinstance(error, LyingServerError)
        misfit_ns = round(self._settings.misfit_pause_s * SECOND)
        again = job.pause(error, self._clock.now_ns(), self._draw(), misfit_ns)
        info = ErrorInfo(error.code, str(error))
        if again:
            if job.patience.is_news(info):  # what does not fit is refused, and looked at again all the same
                installs = job.headway.installs("refused" if job.is_misfit else None, info)
                self._tell(protocol.Refused(job.version, info, installs, again=not job.is_misfit))
            return
        try:
            pointer.change_standing(self._state_dir, lambda standing: refuse(standing, job.version, info))
        except RoostError as fault:
            self._note(fault)  # then it is tried once more after a restart
        self._job = None
        self.garbage = True
        phase: Phase = "refused" if isinstance(error, ContentError | FitError) else "failed"
        self._tell(protocol.Refused(job.version, info, job.headway.installs(phase, info)))

    # ---- the rest

    def _collect(self) -> None:
        self.garbage = False
        try:
            collect_garbage(self._state_dir, self._bringer.store)
        except RoostError as error:
            self._note(error)

    def _note(self, error: RoostError) -> None:
        if len(self._faults) < _FAULTS:
            self._faults.append(ErrorInfo(error.code, str(error)))
