"""A program that a test starts, stops and kills; what it says goes to a file."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from tests.support.waiting import PATIENCE_S

__all__ = ["Program"]


class Program:
    """A context manager that kills what is left, and shows what it said where a test fails.

    Args:
        log: what it says is appended there.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        if kind is not None:
            sys.stderr.write(self.log)

    def _spawn(self, command: Sequence[str | Path], *, stdout: IO[bytes] | None = None, **options: Any) -> None:
        """Start it; `options` as `Popen` has them, and `stdout` if that shall not go to the log."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=stdout or log, stderr=log, **options)

    @property
    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it was not started, or has ended"
        return self._process

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, and do not wait."""
        self._running.send_signal(number)

    def terminate(self) -> None:
        """Ask it to stop, and do not wait."""
        self.send(signal.SIGTERM)

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait for its end; its exit code."""
        code = self._running.wait(timeout_s)
        self._process = None
        return code

    def stop(self) -> int:
        """Stop it gracefully; its exit code."""
        self.terminate()
        return self.wait()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
