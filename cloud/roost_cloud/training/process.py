"""A training process from within: its limits, what it says on its standard output, how it hears that it shall stop."""

import math
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import IO, Final

from roost_cloud.training.lines import Line, LogLine, MetricLine, StepLine, encode_line
from roost_cloud.training.progress import TrainingCancelledError

__all__ = ["LineProgress", "limit_memory", "peak_memory_bytes", "stop_at_end_of_input", "take_output"]

_PAUSE_S: Final = 0.1  # between two steps that are told


class LineProgress:
    """Tells progress in lines, and is cancelled by SIGTERM, at the next step.

    Args:
        output: where lines go.
    """

    def __init__(self, output: IO[bytes]) -> None:
        self._output = output
        self._cancelled = False
        self._told: tuple[str, float] = ("", 0.0)

    def hear_signals(self) -> None:
        """Take SIGTERM for a cancellation from now on."""
        signal.signal(signal.SIGTERM, self._cancel)

    def step(self, done: int, total: int, what: str) -> None:
        """Tell how far it is, at most ten times a second but for the first and last of each piece of work.

        Raises:
            TrainingCancelledError: a SIGTERM came.
        """
        if self._cancelled:
            raise TrainingCancelledError
        now = time.monotonic()
        if self._told[0] == what and now < self._told[1] + _PAUSE_S and done < total:
            return
        self._told = (what, now)
        self.say(StepLine(done, total, what))

    def metric(self, name: str, value: float) -> None:
        """Record a figure."""
        self.say(MetricLine(name, value if math.isfinite(value) else None))

    def log(self, text: str) -> None:
        """Add a line to the log."""
        self.say(LogLine(text))

    def say(self, line: Line) -> None:
        """Write a line at once."""
        self._output.write(encode_line(line))
        self._output.flush()

    def _cancel(self, _number: int, _frame: FrameType | None) -> None:
        self._cancelled = True


def take_output() -> IO[bytes]:
    """Keep standard output for lines: whatever libraries print goes to standard error from now on."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(kept, "wb")


def limit_memory(limit_bytes: int) -> None:
    """Let this process have no more memory of its own than `limit_bytes`; files it maps do not count."""
    resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))


def peak_memory_bytes() -> int:
    """The most memory that this process has had at a time; what resource usage tells counts who started it too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (kibibytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kibibytes) << 10


def stop_at_end_of_input() -> None:
    """End this process as soon as its standard input ends: then whoever started it is gone, however that came."""
    threading.Thread(target=_wait_for_end, name="input-watch", daemon=True).start()


def _wait_for_end() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)
