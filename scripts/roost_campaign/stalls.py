"""How late this machine itself is: a process that does nothing but sleep, and notes when it woke too late.

What is late while that sleeper is late, too, proves nothing of Roost: the machine gave nobody a turn.
"""

import os
import signal
import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["Sleeper", "Stall", "Stalls"]

_NAP_S: Final = 0.01
_WORTH_NOTING_S: Final = 0.02  # beyond what a nap takes anyway
_STALL: Final = struct.Struct("<dd")


class Stall(NamedTuple):
    """A stretch without a turn, by the monotonic clock, in seconds."""

    begun_s: float
    late_s: float


class Stalls:
    """Those that a sleeper has noted so far.

    Args:
        file: where it does.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def all(self) -> Sequence[Stall]:
        """In their order."""
        data = self._file.read_bytes() if self._file.exists() else b""
        whole = len(data) - len(data) % _STALL.size
        return [Stall(*one) for one in _STALL.iter_unpack(data[:whole])]

    def between(self, begun_s: float, ended_s: float) -> float:
        """For how long, together, the sleeper got no turn within a stretch, in seconds."""
        return stalled_s(self.all(), begun_s, ended_s)


def stalled_s(stalls: Sequence[Stall], begun_s: float, ended_s: float) -> float:
    """How much of a stretch was stalled, in seconds.

    >>> stalled_s([Stall(1.0, 0.5), Stall(3.0, 2.0)], 1.25, 4.0)
    1.25
    """
    overlaps = (min(ended_s, one.begun_s + one.late_s) - max(begun_s, one.begun_s) for one in stalls)
    return sum(overlap for overlap in overlaps if overlap > 0)


class Sleeper:
    """The process; it ends with whoever started it.

    Args:
        file: for what it notes.
    """

    def __init__(self, file: Path) -> None:
        file.unlink(missing_ok=True)
        self.stalls = Stalls(file)
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            _sleep_on(file, parent)

    def stop(self) -> None:
        """End it."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def _sleep_on(file: Path, parent: int) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    while os.getppid() == parent:
        begun_s = time.monotonic()
        time.sleep(_NAP_S)
        late_s = time.monotonic() - begun_s - _NAP_S
        if late_s > _WORTH_NOTING_S:
            os.write(descriptor, _STALL.pack(begun_s, late_s))
    os._exit(0)
