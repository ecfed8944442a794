"""A broker and two devices as real processes, in a temporary folder, gone when the demo is."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from roost_edge.status import NotRunningError, read_status
from roost_shared.topics import DeviceTopics
from scripts.roost_demo.agent_toml import agent_toml
from scripts.roost_demo.contestants import Contestant
from scripts.roost_demo.processes import Child
from scripts.roost_demo.sensor import Sensor

__all__ = ["DEVICES", "House"]

TENANT: Final = "demo"
DEVICES: Final = ("cam-01", "cam-02")
_BROKER_START_S: Final = 20.0
_DEVICE_START_S: Final = 30.0


class House:
    """The broker, an agent for each device, and a sensor beside each; a context that ends them all.

    Args:
        folder: an empty folder for configs, states and logs.
        task: the task the agents answer.
        deadline_ms: its deadline.
        contestants: its models.

    Attributes:
        port: the broker's, on 127.0.0.1.
        sensors: one for each device.
    """

    def __init__(self, folder: Path, task: str, deadline_ms: int, contestants: Sequence[Contestant]) -> None:
        self.port = 0
        self.sensors: list[Sensor] = []
        self._folder = folder
        self._task = task
        self._deadline_ms = deadline_ms
        self._contestants = contestants
        self._children: list[Child] = []
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        """Start everything and wait until both devices are online.

        Raises:
            ChildError: a program did not start.
            SensorError: a device did not come online.
        """
        with ExitStack() as exits:
            broker = self._start(exits, "broker", ["roost_cloud.broker", "--port", "0"])
            self.port = int(broker.wait_for_line(r"listening on 127\.0\.0\.1:(\d+)", _BROKER_START_S)[1])
            for device in DEVICES:
                self._start(exits, device, ["roost_edge", "run", "--config", str(self._write_config(device))])
            for device in DEVICES:
                sensor = Sensor(self.port, DeviceTopics(TENANT, device), self._task)
                exits.callback(sensor.close)
                sensor.wait_for_birth(_DEVICE_START_S, self.check)
                self.sensors.append(sensor)
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything, in the opposite order."""
        self._exits.close()

    def state_dir(self, device: str) -> Path:
        """Where the agent of `device` keeps its state."""
        return self._folder / device / "state"

    def task_status(self, device: str) -> dict[str, Any] | None:
        """What the agent of `device` says of the task, None while it says nothing."""
        try:
            found: dict[str, Any] = read_status(self.state_dir(device))["tasks"][self._task]
        except NotRunningError:
            return None
        return found

    def check(self) -> None:
        """Raise `ChildError` if the broker or an agent has ended."""
        for child in self._children:
            child.check()

    def _start(self, exits: ExitStack, name: str, module: Sequence[str]) -> Child:
        child = Child(name, [sys.executable, "-P", "-m", *module], self._folder / f"{name}.log")
        exits.callback(child.stop)
        self._children.append(child)
        return child

    def _write_config(self, device: str) -> Path:
        self.state_dir(device).mkdir(parents=True)
        path = self._folder / device / "agent.toml"
        path.write_text(
            agent_toml(
                tenant=TENANT,
                device=device,
                state_dir=self.state_dir(device),
                port=self.port,
                task=self._task,
                deadline_ms=self._deadline_ms,
                contestants=self._contestants,
            )
        )
        return path
