"""When a worker hangs, and when a lost one starts again: decisions without I/O or a clock.

- **Hung**: its running job takes longer than max(500 ms, 3 × p99 of its recent scores). Its golden vectors count
  as scores, so a slow model on a slow device is not killed for being slow. If it is lost for a hang before it
  served anything, the limit doubles until it serves: its live inputs may just be larger than its golden ones.
- **Lost** (crashed, hung, or broke the protocol): started again at once if it had served well, that is, was ready
  for a second in which it finished a job, or for 10 s; and after the first loss. Else after exponential backoff with
  jitter, at most 30 s. So one bad input now and then costs a restart each, and only a worker that is good for
  nothing is left alone for longer.
- **Refused** (it said itself that this content cannot run here: a bad bundle, wrong golden outputs, no runtime):
  trying again soon cannot help. Started again after 1 to 60 minutes, in case someone mended it.

The states:

    starting ──▶ ready ──▶ restarting ──▶ ready
        └───────▶ failed ◀─────┘           any ──▶ stopped
"""

from collections.abc import Callable
from typing import Final, Literal

from roost_edge.workers.latency import LatencyHistogram
from roost_shared.backoff import Backoff
from roost_shared.clock import MS, SECOND

__all__ = ["GENTLE_START_LIMIT_NS", "START_LIMIT_NS", "Loss", "Supervision", "WorkerState"]

WorkerState = Literal["starting", "ready", "restarting", "failed", "stopped"]
Loss = Literal["crashed", "hung", "refused"]

START_LIMIT_NS: Final = 60 * SECOND  # from spawn to ready, on the slowest card
GENTLE_START_LIMIT_NS: Final = 600 * SECOND  # the same where it gets only what others leave
_HANG_FLOOR_NS: Final = 500 * MS
_HANG_CEILING_NS: Final = 30 * SECOND
_HANG_FACTOR: Final = 3
_SERVED_WELL_NS: Final = 1 * SECOND
_IDLE_WELL_NS: Final = 10 * SECOND


class Supervision:
    """What is known of one worker over all its incarnations.

    Args:
        random: draws evenly from 0…1, for the jitter.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self.state: WorkerState = "starting"
        self.restarts = 0
        self.took = LatencyHistogram()
        self._random = random
        self._crash_backoff = Backoff(100 * MS, 30 * SECOND)
        self._refusal_backoff = Backoff(120 * SECOND, 3600 * SECOND)
        self._row_of_losses = 0
        self._patience = 1
        self._ready_at_ns: int | None = None
        self._served_now = 0

    @property
    def hang_limit_ns(self) -> int:
        """How long a job may run, in nanoseconds."""
        learned_ns = _HANG_FACTOR * (self.took.quantile_ns(0.99) or 0)
        return min(_HANG_CEILING_NS, max(_HANG_FLOOR_NS, learned_ns) * self._patience)

    def ready(self, now_ns: int, golden_ns: int) -> None:
        """It can serve; a golden vector took it `golden_ns`."""
        self.state = "ready"
        self._ready_at_ns = now_ns
        self._served_now = 0
        self._refusal_backoff.reset()
        self.took.add(golden_ns)

    def scored(self, took_ns: int) -> None:
        """It finished a job, well or with an error."""
        self.took.add(took_ns)
        self._served_now += 1
        self._patience = 1

    def lost(self, now_ns: int, loss: Loss) -> int:
        """It is gone; returns how long to wait before it starts again, in nanoseconds."""
        if self._ready_at_ns is not None and self._did_well(now_ns - self._ready_at_ns):
            self._row_of_losses = 0
            self._crash_backoff.reset()
        if loss == "hung" and self._ready_at_ns is not None and not self._served_now:
            self._patience *= 2
        self._ready_at_ns = None
        self.restarts += 1
        if loss == "refused":
            self.state = "failed"
            return self._refusal_backoff.next_ns((1 + self._random()) / 2)
        self.state = "restarting"
        self._row_of_losses += 1
        return 0 if self._row_of_losses == 1 else self._crash_backoff.next_ns(self._random())

    def _did_well(self, ready_ns: int) -> bool:
        return ready_ns >= (_SERVED_WELL_NS if self._served_now else _IDLE_WELL_NS)

    def stopped(self) -> None:
        """It shall not start again."""
        self.state = "stopped"
