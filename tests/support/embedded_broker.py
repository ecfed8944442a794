"""The embedded broker as a process of its own."""

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["EmbeddedBroker"]


class EmbeddedBroker:
    """Started by the constructor, on a free port; a context manager that ends it."""

    def __init__(self, *arguments: str | Path) -> None:
        command = [sys.executable, "-m", "roost_cloud.broker", "--port", "0", *map(str, arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        first_line = self.process.stdout.readline()
        assert first_line.startswith("listening on 127.0.0.1:"), first_line
        self.port = int(first_line.rpartition(":")[2])
        self.url = f"mqtt://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> int:
        """End it as an operator would; return its exit status."""
        self.process.terminate()
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            assert self.process.stdout is not None
            self.process.stdout.close()
