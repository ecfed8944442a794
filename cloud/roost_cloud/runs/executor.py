"""What runs a process of a job: a Python module on a folder, on this machine or another, within limits."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, Protocol

import msgspec

from roost_cloud.runs.retrying import Cause
from roost_cloud.training.lines import Line
from roost_shared.errors import DeviceError

__all__ = ["NICE", "Ended", "Executor", "ExecutorError", "Hear", "Limits", "Work", "command_of"]

DISK_BYTES: Final = 8 << 30  # a candidate, what it was before it was quantised, and a cache, with much to spare
NICE: Final = 10  # training stands back behind whoever answers on the same machine

Hear = Callable[[Line], None]


class ExecutorError(DeviceError):
    """An executor cannot run anything just now; says why."""

    code = "executor.failed"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a process may take.

    Attributes:
        memory_bytes: of its own, with its children.
        wall_s: until it has to have ended.
        silent_s: that it may say nothing.
        disk_bytes: that its folder may grow by.
    """

    memory_bytes: int
    wall_s: float
    silent_s: float
    disk_bytes: int = DISK_BYTES


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """A process to be run.

    Attributes:
        module: started as `python -m MODULE FOLDER`; it keeps the protocol of `training/process.py`.
        folder: that it works in.
        results: what it may write there, files or folders; wherever it runs, they come to be here.
        limits: that it is held to.
    """

    module: str
    folder: Path
    results: tuple[str, ...]
    limits: Limits


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a process ended.

    Attributes:
        how: `done`; `stopped`: it was asked to; else the fault.
        code: of the fault, stable.
        text: the same for people.
        wall_s: that it took.
        cpu_s: the same of processor time, as far as it was seen.
        peak_bytes: of memory of its own, as far as it was seen.
    """

    how: Literal["done", "stopped"] | Cause
    code: str = ""
    text: str = ""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_bytes: int = 0


class Executor(Protocol):
    """Runs processes; any number at a time, each from a thread of its own."""

    @property
    def problem(self) -> str | None:
        """Why it cannot run anything just now, in a line."""

    def run(self, work: Work, hear: Hear, stopping: Callable[[], bool]) -> Ended:
        """Run a process to its end.

        Args:
            work: what.
            hear: told each line that it says, in order, soon.
            stopping: asked some times a second; once it says so, the process is ended.

        Raises:
            ExecutorError: it could not be started, or its results could not be brought here.
        """

    def close(self) -> None:
        """Let go of what it holds; nothing is running."""


def command_of(python: str, module: str, folder: Path, limits: Limits) -> list[str]:
    """How such a process is started; it has a pipe as its standard input, and ends with it.

    `-P`: no module is looked for in the folder, where trainers write.
    """
    said = ["--memory-bytes", str(limits.memory_bytes), "--nice", str(NICE), "--stop-at-end-of-input"]
    return [python, "-P", "-m", module, str(folder), *said]
