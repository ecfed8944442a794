"""Believes, fetches and stages, in a thread of its own; the newest assignment that can be believed wins.

An envelope that comes in the middle of a download interrupts it; if it turns out not to be believed, the download goes
on where it was. What is done, `work` says.
"""

import threading
from collections.abc import Callable
from typing import Any

from roost_edge.installer.errors import InstallingEndedError
from roost_edge.installer.fit import Machine
from roost_edge.installer.machine import read_machine
from roost_edge.installer.protocol import FromInstaller
from roost_edge.installer.settings import InstallerSettings
from roost_edge.installer.work import InterruptedWorkError, Work
from roost_shared.chance import CHANCE
from roost_shared.clock import Clock, SystemClock
from roost_shared.messages import ErrorInfo

__all__ = ["Installing"]


class Installing:
    """The thread; all methods are for others.

    Args:
        settings: of the process.
        tell: hands a message on to the agent; called from the thread.
        clock: what times are measured by.
        draw: randomness for waits, evenly in 0…1.
        machine: looks at this machine.
    """

    def __init__(
        self,
        settings: InstallerSettings,
        tell: Callable[[FromInstaller], object],
        *,
        clock: Clock | None = None,
        draw: Callable[[], float] = CHANCE.random,
        machine: Callable[[], Machine] = read_machine,
    ) -> None:
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._work = Work(settings, tell, self._stopping, clock=clock or SystemClock(), draw=draw, machine=machine)
        self._thread = threading.Thread(target=self._run, name="installing", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, patience_s: float) -> None:
        """End in the middle of a download, if need be: what arrived stays."""
        self._stopping.set()
        self._woken.set()
        self._thread.join(patience_s)

    def desire(self, envelope: bytes) -> None:
        """The cloud desires this; empty: nothing any more."""
        self._work.desire(envelope)
        self._woken.set()

    def link_up(self) -> None:
        """The link is back: what waits after a failure is tried now, unless the cloud itself said no."""
        self._work.linked = True
        self._woken.set()

    def collect(self) -> None:
        """What is in force is another, or has proven itself: remove what is not needed any more."""
        self._work.garbage = True
        self._woken.set()

    def forget(self, version: int) -> None:
        """A staged version was taken back."""
        self._work.forget(version)
        self.collect()

    def check(self) -> None:
        """See that it still runs.

        Raises:
            InstallingEndedError: by a fault that nobody foresaw; what it was is in the log.
        """
        if not self._thread.is_alive():
            raise InstallingEndedError("the thread that installs has ended")

    def take_faults(self) -> list[ErrorInfo]:
        """What went wrong since the last call, and is told nowhere else."""
        return self._work.take_faults()

    def describe(self) -> dict[str, Any]:
        """Its part of the status document."""
        return self._work.describe()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                idle = not self._work.turn()
            except InterruptedWorkError:
                continue
            if idle:
                self._woken.wait(self._work.idle_s())
