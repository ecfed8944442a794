"""A device whose assignment changes under steady load: the agent's own parts around real workers.

Its desk, tasks, follower and workers are the agent's; inputs come from a timer of its loop, and the installer is one
that has everything on its disk already and acknowledges at once, so that what is measured is the change itself.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final, cast

from roost_edge.asking.ledger import Ledger
from roost_edge.asking.link import CloudLink
from roost_edge.changeover.follower import Follower
from roost_edge.desk import Desk
from roost_edge.installer import protocol
from roost_edge.installer.installer import Installer
from roost_edge.installer.plan import InForce, Plan
from roost_edge.intake.inputs import Delivery, Input
from roost_edge.loop.reactor import Reactor
from roost_edge.settings.config import AgentConfig, CloudConfig
from roost_edge.tasks.board import TaskBoard
from roost_edge.tasks.injection import Injection
from roost_edge.workers import ContestantState
from roost_shared.assignment import AssignedContestant, AssignedTask, Assignment, BundlePin, Trial
from roost_shared.bundle import Bundle
from roost_shared.clock import MS, SECOND, SystemClock
from roost_shared.complaints import Complaints
from roost_shared.messages import Answer, ErrorInfo
from roost_shared.topics import DeviceTopics

__all__ = ["InstallSite", "Measured"]

TASK: Final = "photos"
PATIENCE_NS: Final = 120 * SECOND
PRIORITY: Final = -10  # as the agent takes it


@dataclass
class Measured:
    """An answer.

    Attributes:
        phase: of the changeover, when its input came.
        took_ms: from when the input was due to its answer.
        late: it missed its deadline.
        lost: no contestant gave it.
    """

    phase: str
    took_ms: float
    late: bool
    lost: bool


class _Reply:
    def __init__(self, site: "InstallSite", due_ns: int) -> None:
        self._site = site
        self._due_ns = due_ns
        self._phase = site.phase

    def answered(self) -> bool:
        """It comes once."""
        return False

    def can_deliver(self) -> bool:
        """Whoever asked is here."""
        return True

    def deliver(self, answer: Answer) -> Delivery:
        """Write down what it took."""
        took_ms = (self._site.reactor.now_ns() - self._due_ns) / MS
        lost = answer.contestant is None
        self._site.measured.append(Measured(self._phase, took_ms, not answer.deadline_met, lost))
        return Delivery.HANDED

    def settled(self) -> None:
        """Nobody waits."""


class _Installer:
    """Has everything, and acknowledges at once."""

    def __init__(self, reactor: Reactor, follower: Follower) -> None:
        self._reactor = reactor
        self._follower = follower
        self._before = 0

    def tell(self, message: protocol.PutInForce | protocol.Confirm | protocol.TakeBack) -> None:
        """Say that it is durable."""
        said: protocol.FromInstaller
        match message:
            case protocol.PutInForce(version):
                said = protocol.IsInForce(version)
            case protocol.Confirm(version):
                self._before = version
                said = protocol.Confirmed(version)
            case protocol.TakeBack(version):
                said = protocol.TakenBack(version, self._before)
        self._reactor.call_soon(lambda: self._follower.installer_said(said))

    def need(self) -> None:
        """It is there."""

    def stop(self, _: int, on_stopped: Callable[[], object]) -> None:
        """It holds nothing."""
        self._reactor.call_soon(on_stopped)


class InstallSite:
    """A context manager; `measured` grows with each answer.

    Args:
        folder: for its state.
        payload: of every input.
        every_ms: between two inputs.
    """

    def __init__(self, folder: Path, payload: bytes, every_ms: float) -> None:
        clock = SystemClock()
        complaints = Complaints(clock)
        self.reactor = Reactor(clock)
        self.measured: list[Measured] = []
        self.asked = 0
        self._payload = payload
        self._every_ns = round(every_ms * MS)
        self._keys = count()
        self._versions = count(1)
        self._feeding = False
        config = AgentConfig(tenant="acme", device="cam-01", state_dir=folder, cloud=CloudConfig())
        self._desk = Desk(self.reactor, complaints, in_flight=20, payload_limit_bytes=1 << 20)
        topics = DeviceTopics("acme", "cam-01")
        link = CloudLink(
            topics, "boot", Ledger(folder, 0, self.reactor, complaints), self.reactor, complaints, self._desk
        )
        self._board = TaskBoard(config, self._desk, link, Injection(complaints), None, self.reactor, self._heard)
        self._follower = Follower(config, self._board, self.reactor, complaints, InForce())
        self._follower.installer = cast("Installer", _Installer(self.reactor, self._follower))

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run, before other programs where that is allowed; end all workers."""
        before = os.getpriority(os.PRIO_PROCESS, 0)
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
        try:
            yield
        finally:
            self._feeding = False
            self._follower.stop()
            self._board.stop(self.reactor.now_ns() + SECOND)
            self.until(lambda: self._board.is_stopped)
            self.reactor.close()
            with contextlib.suppress(PermissionError):
                os.setpriority(os.PRIO_PROCESS, 0, before)

    @property
    def phase(self) -> str:
        """Of the changeover."""
        return self._follower.changeover.phase

    @property
    def problem(self) -> ErrorInfo | None:
        """Why the last switch did not come about; None if it did."""
        return self._follower.progress.problem

    def switch(self, bundle: Bundle, trial: Trial) -> None:
        """Assign a bundle, and wait until it is confirmed, or taken back."""
        version = next(self._versions)
        pin = BundlePin(name=bundle.config.name, version=bundle.config.version, digest=bundle.digest)
        contestants = (AssignedContestant(name="primary", bundle=pin),)
        task = AssignedTask(deadline_ms=300, contestants=contestants, trial=trial)
        assignment = Assignment(tenant="acme", device="cam-01", version=version, issued_at="", tasks={TASK: task})
        plan = Plan(assignment=assignment, folders={bundle.digest: str(bundle.folder)})
        self._follower.installer_said(protocol.Staged(plan))
        self.until(lambda: self.phase == "idle")

    def feed(self) -> None:
        """Ask from now on, at a steady rate."""
        self._feeding = True
        self._ask(self.reactor.now_ns())

    def starve(self) -> None:
        """Ask no more, and wait for the last answer."""
        self._feeding = False
        self.until(lambda: len(self.measured) == self.asked)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        end_ns = self.reactor.now_ns() + round(seconds * SECOND)
        self.until(lambda: self.reactor.now_ns() >= end_ns)

    def until(self, condition: Callable[[], object]) -> None:
        """Run the loop until something is so.

        Raises:
            TimeoutError: it does not come to be.
        """
        give_up_ns = self.reactor.now_ns() + PATIENCE_NS

        def look() -> None:
            if condition() or self.reactor.now_ns() > give_up_ns:
                self.reactor.stop()
            else:
                self.reactor.call_after(10 * MS, look)

        self.reactor.call_soon(look)
        self.reactor.run()
        if not condition():
            raise TimeoutError(f"waited in vain in phase {self.phase}: {self.problem}")

    def _ask(self, due_ns: int) -> None:
        if not self._feeding:
            return
        self.asked += 1
        key = f"r{next(self._keys)}"
        self._desk.take(
            Input(
                key=key,
                id=key,
                task=TASK,
                payload=self._payload,
                content_type=None,
                received_ns=due_ns,
                received_at="2026-11-30T00:00:00+00:00",
                reply=_Reply(self, due_ns),
            )
        )
        next_ns = due_ns + self._every_ns
        self.reactor.call_at(next_ns, lambda: self._ask(next_ns))

    def _heard(self, task: str, seat: str, state: ContestantState, detail: ErrorInfo | None) -> None:
        self._follower.worker_state(task, seat, state, detail)
