"""What is kept and told: decoy and monitor that decide, the spooler that keeps, the way to the cloud; put together."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from roost_edge.decoy.config import CaptureConfig
from roost_edge.decoy.decoy import Decoy
from roost_edge.loop.reactor import Reactor
from roost_edge.monitor.health import HealthTeller, health_of
from roost_edge.monitor.monitor import Monitor
from roost_edge.monitor.thermal import read_temperature_c
from roost_edge.settings.config import AgentConfig
from roost_edge.spooler.settings import SpoolerSettings
from roost_edge.spooler.spooler import Spooler
from roost_edge.uplink.telemetry import Telemetry
from roost_shared.clock import Clock
from roost_shared.complaints import Complaints
from roost_shared.records import HealthRecord
from roost_shared.topics import DeviceTopics

__all__ = ["Capture", "make_capture"]

_DAY_S: Final = 86_400.0
_SHARE: Final = 0.75  # of the inputs that a broker hands out at a time may wait for a disk that stalls
_PAYLOADS: Final = 4  # of the largest, that may wait for the disk


class Capture:
    """What of a device's inputs is kept, and what is told of the others.

    Args:
        config: agent.toml.
        topics: the device's.
        boot: this start of the agent.
        reactor: the agent's loop.
        clock: tells wall time.
        complaints: hears of what could not be kept.
        link: tells of the way to cloud contestants, as the status document does.

    Attributes:
        decoy: decides which inputs are.
        monitor: tells of all of them, in windows.
        telemetry: takes records to the cloud.
    """

    def __init__(
        self,
        config: AgentConfig,
        topics: DeviceTopics,
        boot: str,
        reactor: Reactor,
        clock: Clock,
        complaints: Complaints,
        link: Callable[[], Mapping[str, Any] | None],
    ) -> None:
        limits = config.limits
        room_bytes = _PAYLOADS * limits.payload_bytes
        self._link = link
        self._spool_limit_bytes = limits.spool_bytes
        self._spooler = Spooler(_settings(config, boot), reactor, complaints, room_bytes=room_bytes)
        self.telemetry = Telemetry(topics, self._spooler, reactor, complaints)
        self._spooler.outgoing = self.telemetry.publish
        self._begun = False
        self._runs = False
        self.decoy = Decoy(
            self._spooler,
            reactor,
            complaints,
            boot=boot,
            unsettled_limit=max(1, int(_SHARE * limits.in_flight)),
        )
        self.monitor = Monitor(
            {name: task.monitor for name, task in config.tasks.items() if task.monitor is not None},
            self._spooler,
            reactor,
            clock,
            complaints,
        )
        self._health = HealthTeller(self._spooler, reactor, complaints, self._look)

    @property
    def is_starting(self) -> bool:
        """It is not known yet whether inputs can be kept."""
        return self._runs and self._spooler.is_starting

    def start(self, on_started: Callable[[], object]) -> None:
        """Begin to keep; `on_started` is called once it is known whether that works."""
        self._spooler.on_started = on_started
        self._begun = True
        self._run_if_needed()

    def keep(self, task: str, config: CaptureConfig | None) -> None:
        """Keep of a task's inputs what this says; None: nothing."""
        self.decoy.capture(task, config)
        self._run_if_needed()

    @property
    def _is_wanted(self) -> bool:
        return self.decoy.has_tasks or self.monitor.has_tasks

    def _run_if_needed(self) -> None:
        """There is no process until a task wants anything kept or told: it costs some memory."""
        if self._begun and not self._runs and self._is_wanted:
            self._runs = True
            self._spooler.start()
            self._health.start()

    def finish(self, patience_ns: int, on_finished: Callable[[], None]) -> None:
        """Call `on_finished` once all that is in hand is durable, or `patience_ns` over."""
        self.decoy.stop()
        if self._runs:
            self._health.stop()
            self.monitor.finish()
            self._spooler.stop(patience_ns, lambda: self._finished(on_finished))
        else:
            self._finished(on_finished)

    def _look(self) -> HealthRecord:
        return health_of(read_temperature_c(), self._spooler.figures, self._spool_limit_bytes, self._link())

    def close(self) -> None:
        """End the process."""
        self._spooler.close()

    def _finished(self, on_finished: Callable[[], None]) -> None:
        self.decoy.stopped()
        on_finished()

    def describe(self) -> dict[str, Any] | None:
        """Its part of the status document; None while nothing is kept or told."""
        if not (self._runs or self._is_wanted):
            return None
        return {**self.decoy.describe(), "monitor": self.monitor.describe()}


def make_capture(
    config: AgentConfig,
    topics: DeviceTopics,
    boot: str,
    reactor: Reactor,
    clock: Clock,
    complaints: Complaints,
    link: Callable[[], Mapping[str, Any] | None],
) -> Capture | None:
    """What the tasks ask for, or may ask for once they are assigned; None if none of them keeps or tells anything."""
    if not config.may_capture:
        return None
    return Capture(config, topics, boot, reactor, clock, complaints, link)


def _settings(config: AgentConfig, boot: str) -> str:
    limits, cloud = config.limits, config.cloud
    settings = SpoolerSettings(
        state_dir=str(config.state_dir),
        boot=boot,
        cloud_url=None if cloud is None else cloud.url,
        spool_bytes=limits.spool_bytes,
        free_disk_bytes=limits.free_disk_bytes,
        retention_s=limits.retention_days * _DAY_S,
        uplink_bytes_per_s=limits.uplink_bytes_per_s or None,
        upload_after_s=600 if cloud is None else cloud.upload_after_s,
    )
    return msgspec.json.encode(settings).decode()
