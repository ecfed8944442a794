"""A real Mosquitto on a free port, for tests; it keeps its persistence over restarts."""

import os
import shutil
import signal
import socket
from pathlib import Path
from typing import Self

import pytest

from tests.support.program import Program
from tests.support.waiting import until

__all__ = ["CONFIGURATIONS", "Mosquitto", "free_port", "require_mosquitto"]

CONFIGURATIONS = Path(__file__).parents[2] / "firmware-config" / "mosquitto"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def require_mosquitto() -> str:
    """The program's path; without it a test fails where servers are required, and is skipped elsewhere."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is not None:
        return program
    message = "mosquitto is not installed: apt-get install mosquitto, or run scripts/test, which does"
    if os.environ.get("CI") == "true" or os.environ.get("ROOST_REQUIRE_SERVERS"):
        pytest.fail(message)
    pytest.skip(message)


class Mosquitto(Program):
    """A broker with a configuration of ours, the site's unless told otherwise; only ports and paths differ.

    It runs within its `with`; whoever stops it in there may start it again.

    Args:
        folder: for its configuration, log and database.
        extra: lines appended to the configuration, such as an access list.
        replace: settings of the configuration to change, by name or by the whole line.
        conf: the name of the configuration.
    """

    def __init__(
        self, folder: Path, *, extra: str = "", replace: dict[str, str] | None = None, conf: str = "site.conf"
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder / "mosquitto.log")
        self._program = require_mosquitto()
        self.port = free_port()
        changes = {
            "listener": f"{self.port} 127.0.0.1",
            "persistence_location": f"{folder}/",
            **(replace or {}),
        }
        lines = []
        for line in (CONFIGURATIONS / conf).read_text().replace("/etc/mosquitto/roost", str(folder)).splitlines():
            name = line.partition(" ")[0]
            change = changes.get(line, changes.get(name))
            lines.append(line if change is None else f"{name} {change}")
        if os.geteuid() == 0:
            lines.append("user root")  # else it becomes `mosquitto`, who cannot write a test's folder
        lines += extra.splitlines()
        self._ports = [int(line.split()[1]) for line in lines if line.startswith("listener ")]
        self._conf = folder / "mosquitto.conf"
        self._conf.write_text("\n".join([*lines, ""]))

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        self._spawn([self._program, "-c", self._conf])
        try:
            until(lambda: self.ended or self._listens(), "mosquitto listens", otherwise=lambda: self.log)
            assert not self.ended, f"mosquitto ended at once: {self.log}"
        except AssertionError:
            self.kill()
            raise

    def _listens(self) -> bool:
        try:
            for port in self._ports:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    def terminate(self) -> None:
        """Have it save its database and end, paused or not."""
        super().terminate()
        self.resume()

    def reload(self) -> None:
        """Have it read its files again, as `systemctl reload mosquitto` does."""
        self.send(signal.SIGHUP)

    def pause(self) -> None:
        """Stop it in its tracks: its sockets stay open and are not read."""
        self.send(signal.SIGSTOP)

    def resume(self) -> None:
        self.send(signal.SIGCONT)
