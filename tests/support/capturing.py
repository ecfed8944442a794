"""Agents that keep inputs, sensors that send them without end, and looks at what an agent says of its spool."""

import io
import os
import random
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from PIL import Image

from tests.support.agent import AgentProcess, Caller, task_toml, until
from tests.support.bundles import Bundles, picture
from tests.support.capture_cloud import PATIENCE_S, CaptureCloud

__all__ = [
    "AT_LEISURE",
    "Sensor",
    "capturing",
    "noise",
    "photo",
    "spool",
    "spooler_pid",
    "stopped",
    "until_all_arrived",
]

# More at a time than live inputs can fill; a backlog, which can, is not acknowledged early for being a crowd.
AT_LEISURE = "free_disk_bytes = 0\nin_flight = 40\nuplink_bytes_per_s = 0\n"

_SPOOLER = b"roost_edge.spooler.process"


def capturing(bundles: Bundles, capture: str = "base_rate = 1.0", name: str = "light", **settings: Any) -> str:
    """A task with one contestant, of whose inputs all are kept unless `capture` says otherwise."""
    return f"{task_toml(name, {'primary': bundles.sure}, **settings)}[tasks.{name}.capture]\n{capture}\n"


def photo(number: int) -> bytes:
    """A small picture like no other."""
    return picture(number % 256, (40 + number % 64, 40 + number // 64))


def noise(number: int, side: int) -> bytes:
    """A picture like no other, as large as its pixels."""
    file = io.BytesIO()
    Image.frombytes("L", (side, side), random.Random(number).randbytes(side * side)).save(file, "PNG")
    return file.getvalue()


def spool(agent: AgentProcess) -> dict[str, Any]:
    """What an agent says of its spool; empty as long as it has not heard of it."""
    found: dict[str, Any] = agent.status["capture"]["spool"]
    return found


def until_all_arrived(agent: AgentProcess, cloud: CaptureCloud, device: str, what: int | Sequence[bytes]) -> None:
    """Wait until these inputs, or so many, are in the cloud, and nothing of the agent's is still to get there."""
    until(lambda: _is_spent(agent), "nothing is left", PATIENCE_S, otherwise=lambda: agent.status)
    if isinstance(what, int):
        cloud.until_arrived(device, what)
    else:
        cloud.until_each_arrived(device, what)
    until(lambda: _is_spent(agent), "nothing is left", PATIENCE_S, otherwise=lambda: agent.status)


def _is_spent(agent: AgentProcess) -> bool:
    status = agent.status
    told = status["capture"]["spool"]
    return (status["unanswered"], status["capture"]["unsettled"]) == (0, 0) and (
        told.get("entries"),
        told.get("outbox_bytes"),
    ) == ({}, 0)


def spooler_pid(agent: AgentProcess) -> int:
    """Of the process that keeps an agent's inputs."""
    found: list[int] = []

    def look() -> bool:
        found[:] = [pid for pid in _children(agent.pid) if _SPOOLER in _read(pid, "cmdline")]
        return bool(found)

    until(look, "the spooler's process is there")
    return found[0]


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Within, a process stands still."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class Sensor:
    """Publishes one picture after another in a thread, each like no other; a context manager that ends it.

    To be started once the agent has been connected: before, the broker knows nobody to keep inputs for.

    Args:
        port: of the broker.
        device: whose inputs.
        pause_s: between two.

    Attributes:
        sent: what the broker has said that it has.
    """

    def __init__(self, port: int, device: str, *, pause_s: float = 0.03) -> None:
        self.sent: list[bytes] = []
        self._caller = Caller(port, name=f"sensor-{device}", device=device)
        self._pause_s = pause_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sensor", daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.ident is not None:
            self.stop()
        self._caller.peer.close()

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def until_more(self, count: int) -> None:
        """Wait until so many more are sent."""
        wanted = len(self.sent) + count
        until(lambda: len(self.sent) >= wanted, f"{count} more are sent")

    def go_on(self, seconds: float) -> None:
        """Send for so long: any moment to end at is as good as another."""
        self._stopping.wait(seconds)

    def answers(self) -> list[dict[str, Any]]:
        """Wait until there are as many answers as there were pictures, and take them."""
        return self._caller.answers(len(self.sent))

    def stop(self) -> None:
        """Send no more."""
        self._stopping.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.wait(self._pause_s):
            payload = photo(len(self.sent))
            self._caller.publish(payload)
            self.sent.append(payload)


def _children(pid: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        fields = _read(int(folder.name), "stat").rpartition(b")")[2].split()
        if fields and int(fields[1]) == pid:
            found.append(int(folder.name))
    return found


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""  # it has gone meanwhile
