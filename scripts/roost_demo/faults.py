"""What the demo does to the primary's worker on one device: hang it, or kill it, again whenever it has come back."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from roost_edge.status.server import NotRunningError, read_status

__all__ = ["Fault", "FaultKind"]

FaultKind = Literal["hang", "kill"]

_SIGNALS: Final[dict[FaultKind, signal.Signals]] = {"hang": signal.SIGSTOP, "kill": signal.SIGKILL}
_LOOK_EVERY_S: Final = 0.1
_MERCY_S: Final = 1.8  # between two blows, so that a worker comes back and is seen to answer


@dataclass(frozen=True)
class _Target:
    """The worker of one contestant, as its agent reports it."""

    pid: int
    is_ready: bool


class Fault:
    """Keeps the primary of one device down for as long as `step` is called.

    Args:
        state_dir: of the device's agent, which tells there which process is the primary's.
        task: the task whose primary is meant.
        kind: `hang` stops the worker's process, `kill` ends it.
        on_strike: called with one line on each blow dealt.

    Attributes:
        strikes: how often the worker was hit.
    """

    def __init__(self, state_dir: Path, task: str, kind: FaultKind, on_strike: Callable[[str], None]) -> None:
        self.kind = kind
        self.strikes = 0
        self._state_dir = state_dir
        self._task = task
        self._on_strike = on_strike
        self._hit_pid: int | None = None
        self._look_at_s = 0.0

    def step(self) -> None:
        """Hit the worker if it runs and was not hit yet. Looks ten times a second at most."""
        now_s = time.monotonic()
        if now_s < self._look_at_s:
            return
        self._look_at_s = now_s + _LOOK_EVERY_S
        target = self._find()
        if target is None or not target.is_ready or target.pid == self._hit_pid:
            return
        try:
            os.kill(target.pid, _SIGNALS[self.kind])
        except ProcessLookupError:
            return  # it ended between the look and the blow
        self._hit_pid = target.pid
        self._look_at_s = now_s + _MERCY_S
        self.strikes += 1
        self._on_strike(f"{_SIGNALS[self.kind].name} to the primary's worker, process {target.pid}")

    def _find(self) -> _Target | None:
        try:
            status: dict[str, Any] = read_status(self._state_dir)
        except NotRunningError:
            return None
        primary = status["tasks"][self._task]["contestants"]["primary"]
        return None if primary["pid"] is None else _Target(primary["pid"], primary["state"] == "ready")
