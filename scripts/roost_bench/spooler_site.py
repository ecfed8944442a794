"""A spooler without an agent around it: how fast inputs become durable, and what that writes to the disk."""

import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from roost_edge.loop.reactor import Reactor
from roost_edge.spooler.settings import SpoolerSettings
from roost_edge.spooler.spooler import Spooler
from roost_edge.workers import SharedPayload
from roost_shared.clock import SECOND, SystemClock
from roost_shared.complaints import Complaints
from roost_shared.messages import ErrorInfo
from roost_shared.records import SampleRecord
from tests.support.spooler_rig import answer_of

__all__ = ["SpoolerSite", "cpu_ns", "write_bytes"]

_PATIENCE_NS: Final = 300 * SECOND
_CROWD: Final = 8  # that wait: an agent that takes 20 inputs at a time lets them wait no longer


class SpoolerSite:
    """A spooler's process, and the loop that feeds it.

    Args:
        folder: of its state.
        noise: what inputs are made of.
        spool_bytes: how much it may take.
    """

    def __init__(self, folder: Path, noise: bytes, spool_bytes: int) -> None:
        self._reactor = Reactor(SystemClock())
        self._noise = noise
        settings = SpoolerSettings(
            state_dir=str(folder),
            boot="bench",
            cloud_url=None,
            spool_bytes=spool_bytes,
            free_disk_bytes=0,
            retention_s=3600,
            uplink_bytes_per_s=None,
            upload_after_s=3600,
        )
        document = msgspec.json.encode(settings).decode()
        self._spooler = Spooler(document, self._reactor, Complaints(SystemClock()), room_bytes=64 << 20)
        self._given = self._durable = self._wanted = self._depth = self._behind = 0
        self._interval_ns: int | None = None
        self._groups = 0
        self._in_group = False  # the loop hears of all of a group in one go

    def __enter__(self) -> Self:
        """Started."""
        self._spooler.on_started = self._reactor.stop
        self._spooler.start()
        self._run()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Kill it."""
        self._spooler.close()
        self._reactor.close()

    def measure(self, inputs: int, *, depth: int = 0, per_s: float | None = None) -> dict[str, float]:
        """Keep inputs: `depth` of them waiting for the disk all the time, or at a steady rate."""
        pid = self._spooler.pid
        if pid is None:
            raise RuntimeError("the spooler does not run")
        before_bytes, before_ns, began = write_bytes(pid), cpu_ns(pid), time.monotonic()
        before_groups = self._groups
        self._wanted, self._depth = self._given + inputs, depth
        self._interval_ns = None if per_s is None else round(SECOND / per_s)
        self._feed()
        self._run()
        return {
            "durable_per_s": inputs / (time.monotonic() - began),
            "write_amplification": (write_bytes(pid) - before_bytes) / (inputs * (len(self._noise) + 8)),
            "inputs_to_a_group": inputs / (self._groups - before_groups),
            "spooler_us": (cpu_ns(pid) - before_ns) / inputs / 1e3,
        }

    def _run(self) -> None:
        give_up = self._reactor.call_after(_PATIENCE_NS, self._reactor.stop)
        self._reactor.run()
        give_up.cancel()
        if self._durable < self._wanted or self._spooler.is_starting:
            raise TimeoutError("the spooler does not keep up")

    def _feed(self) -> None:
        if self._given == self._wanted:
            return
        if self._interval_ns is not None:
            self._give()
            self._reactor.call_after(self._interval_ns, self._feed)
            return
        while self._given < self._wanted and self._given - self._durable < self._depth:
            self._give()

    def _give(self) -> None:
        self._given += 1
        sample = f"bench-{self._given}"
        record = SampleRecord(sample=sample, answer=answer_of(), kept_for=["base_rate"], probability=0.5)
        with SharedPayload(self._noise + self._given.to_bytes(8)) as payload:
            taken = self._spooler.keep(
                record, payload, self._kept, priority=0, content_type=None, correlation="", redelivered=False
            )
        if not taken:
            raise RuntimeError("the spooler has no room for an input")
        self._behind += 1
        if self._behind == _CROWD:
            self._behind = 0
            self._spooler.hurry()

    def _kept(self, error: ErrorInfo | None) -> None:
        if error is not None:
            raise RuntimeError(f"an input was not kept: {error}")
        self._durable += 1
        if self._durable == self._given:
            self._behind = 0
        if not self._in_group:
            self._groups += 1
            self._in_group = True
            self._reactor.call_soon(self._end_group)
        if self._durable == self._wanted:
            self._reactor.stop()
        elif self._interval_ns is None:
            self._feed()

    def _end_group(self) -> None:
        self._in_group = False


def write_bytes(pid: int) -> int:
    """What a process has had written to the disk, in whole pages."""
    for line in Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    raise OSError(f"process {pid} does not say what it writes")


def cpu_ns(pid: int) -> int:
    """CPU time of a process's first thread so far."""
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text(encoding="ascii").split()[0])
