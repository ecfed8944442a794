"""Child processes that never outlive the demo, each with its output in a file."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from roost_shared.errors import DeviceError

__all__ = ["Child", "ChildError", "environment"]

_STOP_S: Final = 5.0  # to end by itself before it is killed
_POLL_S: Final = 0.02
_TAIL: Final = 12  # lines of output that an error quotes


class ChildError(DeviceError):
    """A program of the demo did not start, or ended by itself."""

    code = "demo.child"


class Child:
    """A started program.

    It gets a session of its own, so that Ctrl-C reaches the demo alone, which then stops its children in order; and
    the kernel ends it should the demo be killed (`setpriv --pdeathsig`, of util-linux, where there is one).
    """

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self._log = log
        tether = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*tether, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=environment(),
            )

    def wait_for_line(self, pattern: str, timeout_s: float) -> re.Match[str]:
        """Wait until the program's output holds `pattern`.

        Raises:
            ChildError: it ended, or did not say so in time; quotes its last lines.
        """
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            if found := re.search(pattern, self._output()):
                return found
            self.check()
            time.sleep(_POLL_S)
        raise ChildError(f"{self.name} did not come up within {timeout_s:g} s{self._quoted()}")

    def check(self) -> None:
        """Raise `ChildError` if the program has ended."""
        code = self._process.poll()
        if code is not None:
            raise ChildError(f"{self.name} ended by itself with exit code {code}{self._quoted()}")

    def stop(self) -> None:
        """End the program: ask first, kill after 5 seconds. Idempotent."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _output(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def _quoted(self) -> str:
        lines = self._output().splitlines()[-_TAIL:]
        return "".join(f"\n    {line}" for line in ["; it said:", *lines]) if lines else ", and said nothing"


def environment() -> dict[str, str]:
    """Ours, without what would override the demo's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROOST_")}
    return kept | {"PYTHONUNBUFFERED": "1"}
