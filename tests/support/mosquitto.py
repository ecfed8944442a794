"""A real Mosquitto on a free port, for tests; it keeps its persistence over restarts."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

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


class Mosquitto:
    """A broker with a configuration of ours, the site's unless told otherwise; only ports and paths differ.

    Args:
        folder: for its configuration, log and database.
        extra: lines appended to the configuration, such as an access list.
        replace: settings of the configuration to change, by name or by the whole line.
        conf: the name of the configuration.
    """

    def __init__(
        self, folder: Path, *, extra: str = "", replace: dict[str, str] | None = None, conf: str = "site.conf"
    ) -> None:
        self._program = require_mosquitto()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
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

    @property
    def log(self) -> str:
        return (self._folder / "mosquitto.log").read_text()

    def start(self) -> None:
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen([self._program, "-c", str(self._conf)], stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                pytest.fail(f"mosquitto ended at once: {self.log}")
            try:
                for port in self._ports:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.01)
            else:
                return
        pytest.fail(f"mosquitto does not listen: {self.log}")

    def stop(self) -> None:
        """Let it save its database and end."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def reload(self) -> None:
        """Have it read its files again, as `systemctl reload mosquitto` does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def pause(self) -> None:
        """Stop it in its tracks: its sockets stay open and are not read."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, with_signal: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(with_signal)
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
