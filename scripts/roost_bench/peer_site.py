"""Runs servers to be measured side by side: one at a time awake, so that idle ones cost nothing."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

__all__ = ["PeerProcess", "peer_python"]

_ROOT: Final = Path(__file__).parents[2]
_PACKAGES: Final = (
    "mosec==0.9.8",
    "litserve==0.2.19",
    "fastapi",
    "uvicorn[standard]",
    "onnxruntime",
    "pillow",
    "numpy",
)
_PATIENCE_S: Final = 60.0


def peer_python() -> Path:
    """The interpreter of an environment with the peers, made at first in the user's cache.

    Raises:
        CalledProcessError: it cannot be made, as where no package can be fetched.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "roost-bench" / f"peers-{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *_PACKAGES], check=True)
        (folder / "complete").touch()
    return python


class PeerProcess:
    """A server and its children, in a process group of its own.

    Args:
        command: starts it, at the project's root.
        port: where it listens.
        log: a file for what it says.
        environment: further variables.
    """

    def __init__(self, command: Sequence[str], port: int, log: Path, environment: Mapping[str, str]) -> None:
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command, cwd=_ROOT, stdout=out, stderr=out, start_new_session=True, env={**os.environ, **environment}
            )
        self._command = " ".join(command)
        self._log = log
        self._port = port

    def __enter__(self) -> Self:
        """It, listening, and asleep."""
        by_s = time.monotonic() + _PATIENCE_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > by_s:
                raise RuntimeError(f"{self._command} does not listen: {self._log.read_text()[-2000:]}")
            time.sleep(0.05)
        time.sleep(1)  # workers behind the port load after it; nothing tells when
        self._signal(signal.SIGSTOP)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it and its children."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Let it run for a while."""
        self._signal(signal.SIGCONT)
        try:
            yield
        finally:
            self._signal(signal.SIGSTOP)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
        except OSError:
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        os.killpg(self._process.pid, number)
