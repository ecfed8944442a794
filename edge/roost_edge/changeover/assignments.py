"""Assignments, put together: who follows them, the installer's process, and the way of both to the cloud."""

from collections.abc import Callable
from typing import Any

import msgspec

from roost_edge.asking.health import LinkState
from roost_edge.changeover.follower import Follower
from roost_edge.changeover.report import describe_assignment, make_report
from roost_edge.changeover.traffic import AssignmentTraffic
from roost_edge.installer.installer import Installer
from roost_edge.installer.pointer import count_boot, read_in_force
from roost_edge.installer.settings import InstallerSettings
from roost_edge.loop.reactor import Reactor
from roost_edge.settings.config import AgentConfig
from roost_edge.tasks.board import TaskBoard
from roost_edge.tasks.task import Task
from roost_shared.assignment import Reported
from roost_shared.complaints import Complaints
from roost_shared.topics import DeviceTopics

__all__ = ["Assignments", "make_assignments"]


class Assignments:
    """What the cloud assigns to this device, and what becomes of it.

    Args:
        config: agent.toml.
        board: the tasks as they run.
        tasks: the same, to be told of.
        link: gives whether questions to cloud contestants may cross.
        topics: the device's.
        boot: this start of the agent.
        reactor: the agent's loop.
        complaints: hears of what is wrong.

    Attributes:
        follower: brings what is assigned into service.
        traffic: to be carried by whatever carries the cloud's.
    """

    def __init__(
        self,
        config: AgentConfig,
        board: TaskBoard,
        tasks: dict[str, Task],
        link: Callable[[], LinkState],
        topics: DeviceTopics,
        boot: str,
        reactor: Reactor,
        complaints: Complaints,
    ) -> None:
        problem = count_boot(config.state_dir)
        if problem is not None:
            complaints.note(problem.code, problem.message)
        self._tasks = tasks
        self._link = link
        self._boot = boot
        self.follower = Follower(config, board, reactor, complaints, read_in_force(config.state_dir))
        self._installer = Installer(_settings(config), reactor, complaints, self.follower)
        self.follower.installer = self._installer
        self.traffic = AssignmentTraffic(topics, self.follower, self.report, reactor, complaints)
        self.follower.on_changed = self.traffic.changed

    def report(self) -> Reported:
        """What the device really runs."""
        follower = self.follower
        return make_report(
            self._boot,
            follower.changeover,
            follower.progress,
            self._tasks,
            desired=follower.newest,
            trust=follower.trust,
            link=self._link(),
        )

    def describe(self) -> dict[str, Any]:
        """Its part of the status document."""
        return describe_assignment(self.report(), self.follower.changeover, self._installer.pid)


def make_assignments(
    config: AgentConfig,
    board: TaskBoard,
    tasks: dict[str, Task],
    link: Callable[[], LinkState],
    topics: DeviceTopics,
    boot: str,
    reactor: Reactor,
    complaints: Complaints,
) -> Assignments | None:
    """Those of a device that has a cloud; None of one that runs alone."""
    if not config.assignable:
        return None
    return Assignments(config, board, tasks, link, topics, boot, reactor, complaints)


def _settings(config: AgentConfig) -> str:
    settings = InstallerSettings(
        state_dir=str(config.state_dir),
        cloud_url=None if config.cloud is None else config.cloud.url,
        free_disk_bytes=config.limits.free_disk_bytes,
        downlink_bytes_per_s=config.limits.downlink_bytes_per_s or None,
    )
    return msgspec.json.encode(settings).decode()
