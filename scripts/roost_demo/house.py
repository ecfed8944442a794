"""A cloud, a site's broker and four devices as real processes, in a temporary folder, gone when the demo is.

The devices get all that they run from the cloud: signed by its releaser, assigned by its operator.
"""

import math
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from roost_edge.status.server import NotRunningError, read_status
from roost_shared.bundle import Bundle
from roost_shared.errors import TransportError
from roost_shared.topics import DeviceTopics
from scripts.roost_demo.agent_toml import agent_toml
from scripts.roost_demo.cloud import DemoCloud, Ports, Push
from scripts.roost_demo.contestants import Contestant, Successors
from scripts.roost_demo.processes import Child
from scripts.roost_demo.relay import Relay, free_port
from scripts.roost_demo.sensor import Sensor
from scripts.roost_demo.terms import assignment

__all__ = ["DEVICES", "House"]

TENANT: Final = "demo"
DEVICES: Final = ("cam-01", "cam-02", "cam-03", "cam-04")
_SITES: Final = {"cam-01": "north", "cam-02": "south", "cam-03": "south", "cam-04": "north"}
_BROKER_START_S: Final = 20.0
_DEVICE_START_S: Final = 150.0
_LOOK_EVERY_S: Final = 0.1


class DeviceStartError(TransportError):
    """A device did not come online while the demo was starting."""

    code = "demo.device"


class House:
    """The cloud, the site's broker, an agent for each device, and a sensor beside each; a context that ends them all.

    Args:
        folder: an empty folder for configs, states and logs.
        task: the task the agents answer.
        deadline_ms: its deadline.
        contestants: its models.
        successors: of the primary.

    Attributes:
        port: the site's broker's, on 127.0.0.1.
        cloud: what the devices are enrolled at.
        link: between the devices and the cloud.
        pushes: what putting the contestants into the registry took.
        in_cloud: contestants that the cloud runs.
        successors: of the primary.
        sensors: one for each device.
    """

    def __init__(
        self, folder: Path, task: str, deadline_ms: int, contestants: Sequence[Contestant], successors: Successors
    ) -> None:
        self.port = 0
        self.successors = successors
        self.in_cloud = [one for one in contestants if one.where == "cloud"]
        self._contestants = contestants
        self.pushes: list[Push] = []
        self.sensors: list[Sensor] = []
        self._folder = folder
        self._task = task
        self._deadline_ms = deadline_ms
        self._children: list[Child] = []
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        """Start everything and wait until all devices are online.

        Raises:
            ChildError: a program did not start.
            DeviceStartError: a device did not come online.
            RoostError: the cloud did not do as asked.
        """
        with ExitStack() as exits:
            broker = self._start(exits, "broker", ["roost_cloud.broker", "--port", "0"])
            here = Ports(api=free_port(), broker=free_port())
            self.link = exits.enter_context(Relay(*here))
            self._ports = Ports(*self.link.ports)
            self.cloud = exits.enter_context(DemoCloud(self._folder / "cloud", TENANT, here, self._ports))
            self._children.append(self.cloud.process)
            self.port = int(broker.wait_for_line(r"listening on 127\.0\.0\.1:(\d+)", _BROKER_START_S)[1])
            self.pushes = self.cloud.push((one.name, one.bundle) for one in self._contestants)
            self.cloud.begin_trust(self._task)
            self.cloud.sign(*(one.bundle for one in self._contestants if one.where == "local"))
            for device in DEVICES:
                config = self._write_config(device)
                self.cloud.enrol(device, {"site": _SITES[device]}, config)
                self.assign(device, self.primary)
                self._start(exits, device, ["roost_edge", "run", "--config", str(config)])
            for device in DEVICES:
                self._wait(f"{device} run what it is assigned", partial(self._follows, device))
                self._wait(f"{device} take inputs", partial(self._takes_inputs, device))
                sensor = Sensor(self.port, DeviceTopics(TENANT, device), self._task)
                exits.callback(sensor.close)
                self.sensors.append(sensor)
            self._wait("the cloud see all devices", self.all_online)
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

    def status(self, device: str) -> dict[str, Any] | None:
        """What the agent of `device` says of itself, None while it says nothing."""
        try:
            found: dict[str, Any] = read_status(self.state_dir(device))
        except NotRunningError:
            return None
        return found

    def task_status(self, device: str) -> dict[str, Any] | None:
        """What the agent of `device` says of the task, None while it says nothing."""
        status = self.status(device)
        return None if status is None else status["tasks"][self._task]

    def all_online(self) -> bool:
        """Whether the cloud sees all devices."""
        return all(device.state == "online" for device in self.cloud.fleet())

    def run_in_cloud(self) -> None:
        """Have the cloud run its contestants; before, it said that it knew of none."""
        for one in self.in_cloud:
            self.cloud.run_task(self._task, self._deadline_ms, one.name, one.bundle.config.name)

    def assign(self, device: str, primary: Bundle, *, score_ms: float = math.inf) -> None:
        """Have a device run the contestants, and `primary` as the primary if its scores take no longer than that."""
        document = assignment(
            self._task,
            self._deadline_ms,
            self._contestants,
            primary=primary,
            score_ms=min(score_ms, self._deadline_ms),
        )
        self.cloud.assign(device, document)

    @property
    def primary(self) -> Bundle:
        """What the devices' primary runs from the start."""
        return next(one.bundle for one in self._contestants if one.name == "primary")

    def check(self) -> None:
        """Raise `ChildError` if the cloud, the broker or an agent has ended."""
        for child in self._children:
            child.check()

    def _takes_inputs(self, device: str) -> bool:
        status = self.status(device)
        return status is not None and bool(status["broker"]["subscribed"])

    def _follows(self, device: str) -> bool:
        """Whether the device answers by what it was assigned first."""
        status = self.status(device)
        return status is not None and status["assignment"]["version"] > 0

    def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + _DEVICE_START_S
        while not condition():
            self.check()
            if time.monotonic() >= deadline_s:
                raise DeviceStartError(f"waited {_DEVICE_START_S:g} s in vain to have {what}")
            time.sleep(_LOOK_EVERY_S)

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
                cloud_url=self._ports.url,
                task=self._task,
            )
        )
        return path
