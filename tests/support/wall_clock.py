"""A wall clock of a program's own, which a test sets while the program runs; see `wall_clock.c`."""

import shutil
import struct
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

__all__ = ["WallClock"]

_SOURCE = Path(__file__).with_name("wall_clock.c")


class WallClock:
    """As the machine's, until it is set; skips the test where there is no compiler.

    Args:
        folder: for what is preloaded, and what that reads.

    Attributes:
        environment: of a program that shall go by it.
    """

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("no C compiler to make a clock with: apt-get install gcc libc6-dev")
        library = folder / "libwallclock.so"
        flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror"]
        subprocess.run([compiler, *flags, "-o", str(library), str(_SOURCE)], check=True)
        self._file = folder / "ahead"
        self._file.write_bytes(struct.pack("q", 0))
        self.environment = {"LD_PRELOAD": str(library), "ROOST_TEST_CLOCK": str(self._file)}

    def set(self, ahead: timedelta) -> None:
        """Be so far ahead of the machine's from now on."""
        with self._file.open("r+b") as file:  # in place: it is mapped
            file.write(struct.pack("q", round(ahead.total_seconds())))
