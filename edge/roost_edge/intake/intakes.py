"""The ways in besides MQTT, as agent.toml has them: watched folders, and HTTP. Started, stopped and told of together.

MQTT's is not among them: it comes and goes with the connection that its answers leave by, see `site_connection`.
To add a way in: README.md, "How to add".
"""

from typing import TYPE_CHECKING, Any, Protocol

from roost_edge.desk import Desk
from roost_edge.intake.folder import FolderIntake
from roost_edge.loop.reactor import Reactor
from roost_edge.settings.config import AgentConfig
from roost_shared.clock import Clock
from roost_shared.complaints import Complaints

if TYPE_CHECKING:
    from roost_edge.intake.http import HttpIntake

__all__ = ["Intake", "Intakes"]


class Intake(Protocol):
    """A way in; it hands inputs to the desk."""

    def begin(self) -> None:
        """Take inputs."""
        ...

    def stop(self) -> None:
        """Take no more inputs; those taken are still answered."""
        ...

    def close(self) -> None:
        """Let go of what it holds, once answers given are out of our hands."""
        ...

    def describe(self) -> dict[str, Any]:
        """Its part of the status document."""
        ...


class Intakes:
    """All of them.

    Args:
        config: agent.toml.
        desk: answers.
        reactor: the agent's loop.
        clock: for times of receipt.
        complaints: where faults are counted.
        boot: this start of the agent; minted ids begin with it.
    """

    def __init__(
        self, config: AgentConfig, desk: Desk, reactor: Reactor, clock: Clock, complaints: Complaints, *, boot: str
    ) -> None:
        # By what the status document calls each kind, and by task.
        self._of_tasks: dict[str, dict[str, Intake]] = {
            "folders": _folder_intakes(config, desk, reactor, clock, complaints),
        }
        self._http = _http_intake(config, desk, reactor, clock, complaints, boot)

    def listen(self) -> None:
        """Tell who asks how the agent fares; inputs are not taken yet."""
        if self._http is not None:
            self._http.listen()

    def begin(self) -> None:
        """Take inputs."""
        for intake in self._all():
            intake.begin()

    def stop(self) -> None:
        """Take no more inputs; those taken are still answered."""
        for intake in self._all():
            intake.stop()

    def close(self) -> None:
        """Let go of what they hold; a folder waits until the answers given are on the disk."""
        for intake in self._all():
            intake.close()

    def describe(self) -> dict[str, Any]:
        """Their part of the status document."""
        return {
            "http": None if self._http is None else self._http.describe(),
            **{
                kind: {task: intake.describe() for task, intake in intakes.items()}
                for kind, intakes in self._of_tasks.items()
            },
        }

    def _all(self) -> list[Intake]:
        of_tasks = [intake for intakes in self._of_tasks.values() for intake in intakes.values()]
        return of_tasks if self._http is None else [*of_tasks, self._http]


def _folder_intakes(
    config: AgentConfig, desk: Desk, reactor: Reactor, clock: Clock, complaints: Complaints
) -> dict[str, Intake]:
    return {
        name: FolderIntake(
            name,
            task.folder,
            reactor,
            clock,
            complaints,
            limit_bytes=config.limits.payload_bytes,
            room=lambda: desk.room,
            take=desk.take,
            refuse=desk.refuse,
        )
        for name, task in config.tasks.items()
        if task.folder is not None
    }


def _http_intake(
    config: AgentConfig, desk: Desk, reactor: Reactor, clock: Clock, complaints: Complaints, boot: str
) -> "HttpIntake | None":
    if config.http is None:
        return None
    from roost_edge.intake.http import HttpIntake  # noqa: PLC0415 - a device without [http] need not hold it

    return HttpIntake(config, config.http, desk.tasks, reactor, clock, complaints, boot=boot, take=desk.take)
