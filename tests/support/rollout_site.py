"""For rollouts over real devices: a real cloud, agents that run what it assigns, and sensors that ask all the time.

The operator does all by the `roost` command, as a person would.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from typer.testing import CliRunner

from roost_cloud.__main__ import app
from roost_shared.bundle import Bundle
from tests.support.agent import AgentProcess, Caller, until
from tests.support.capture_cloud import PATIENCE_S, CaptureCloud
from tests.support.embedded_broker import EmbeddedBroker
from tests.support.mosquitto import Mosquitto
from tests.support.worker_rig import ARRAY

__all__ = ["TASK", "RolloutSite"]

TASK = "argmax"
_SITE = f"""
[tasks.{TASK}]
deadline_ms = 5000
default = "nobody"
[tasks.{TASK}.monitor]
window_s = 1
[tasks.{TASK}.capture]
base_rate = 0.0
"""
_OVER = ("finished", "stopped", "aborted", "reverted")


class _Sensor:
    """Asks a device now and then, until it is told to end."""

    def __init__(self, port: int, device: str) -> None:
        self._caller = Caller(port, version=4, name=device, device=device)
        self._over = threading.Event()
        self._asked = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(0.04):
            self._caller.publish(ARRAY, TASK)
            self._asked += 1

    def end(self) -> list[dict[str, Any]]:
        """Ask no more; all answers."""
        self._over.set()
        self._thread.join()
        with self._caller:
            return self._caller.answers(self._asked)


class RolloutSite:
    """A context manager.

    Args:
        folder: for all there is.
        devices: their names.
        cloud: another than one with all embedded.
        broker: the site's; another than an embedded one.
        tasks: what devices say of the task.
        limits: lines of theirs.
        environments: further variables of some of them.
        upload_after_s: that they gather inputs for.
        patience_s: with which assignments and rollouts are waited for.

    Attributes:
        agents: by device.
    """

    def __init__(
        self,
        folder: Path,
        *devices: str,
        cloud: CaptureCloud | None = None,
        broker: EmbeddedBroker | Mosquitto | None = None,
        tasks: str = _SITE,
        limits: str = "free_disk_bytes = 0",
        environments: Mapping[str, Mapping[str, str]] | None = None,
        upload_after_s: float = 0.2,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.cloud = cloud or CaptureCloud(folder / "cloud")
        self.agents: dict[str, AgentProcess] = {}
        self._folder = folder
        self._devices = devices
        self._broker = broker or EmbeddedBroker()
        self._tasks = tasks
        self._limits = limits
        self._environments = environments or {}
        self._upload_after_s = upload_after_s
        self._patience_s = patience_s
        self._env: dict[str, str] = {}
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as exits:
            exits.enter_context(self.cloud)
            exits.enter_context(self._broker)
            self._env = {"ROOST_URL": self.cloud.web.url, "ROOST_TOKEN": self.cloud.token, "COLUMNS": "200"}
            self._env |= {"ROOST_TRUST_KEYS": str(self._folder / "keys")}
            self("trust", "init", "--no-passphrase")
            self("trust", "add-key", "ann", "--no-passphrase")
            self("trust", "delegate", TASK, "--to", str(self._folder / "keys" / "ann.pub"))
            for device in self._devices:
                self.agents[device] = exits.enter_context(self._agent(device))
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.__exit__(kind, error, trace)

    def __call__(self, *arguments: str) -> str:
        done = CliRunner().invoke(app, list(arguments), env=self._env)
        assert done.exit_code == 0, f"{arguments}: {done.output}{done.exception!r}"
        return done.output

    def _agent(self, device: str) -> AgentProcess:
        agent = AgentProcess(
            self._folder / device,
            self._broker.url,
            self.cloud.toml(self._tasks, upload_after_s=self._upload_after_s),
            device=device,
            limits=self._limits,
            environment=self._environments.get(device),
            unsigned=False,
        )
        self.cloud.enrol(agent, device)
        return agent.start()

    @contextmanager
    def traffic(self) -> Iterator[dict[str, list[dict[str, Any]]]]:
        """Ask all devices all the while; the answers of each are there at the end."""
        answers: dict[str, list[dict[str, Any]]] = {}
        sensors = {device: _Sensor(self._broker.port, device) for device in self._devices}
        try:
            yield answers
        finally:
            for device, sensor in sensors.items():
                answers[device] = sensor.end()

    def release(self, *bundles: Bundle) -> None:
        for bundle in bundles:
            self("bundle", "push", str(bundle.folder))
            self("trust", "sign", f"{bundle.config.name}:{bundle.config.version}", "--expect", str(bundle.folder))

    def assign(self, bundle: str, **trial: float) -> None:
        """Assign all devices a bundle, and wait until each has proven it."""
        told = "\n".join(f"{key} = {value}" for key, value in trial.items())
        file = self._folder / "assigned.toml"
        file.write_text(
            f'[tasks.{TASK}]\ndeadline_ms = 5000\ndefault = "nobody"\n[tasks.{TASK}.trial]\n{told}\n'
            f'[[tasks.{TASK}.contestants]]\nname = "primary"\nbundle = "{bundle}"\n'
        )
        for device in self._devices:
            self("assign", device, str(file))
        for agent in self.agents.values():
            until(lambda: agent.status["assignment"]["confirmed"], "it is confirmed", self._patience_s)  # noqa: B023

    def start(self, bundle: str, stages: str, gate: str = "") -> str:
        """Start a rollout by stages and gate in TOML; its id."""
        file = self._folder / "rollout.toml"
        file.write_text(f'task = "{TASK}"\ncontestant = "primary"\nbundle = "{bundle}"\n[gate]\n{gate}\n{stages}')
        return str(json.loads(self("rollout", "start", str(file), "--json"))["id"])

    def status(self, rollout: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("rollout", "status", rollout, "--json"))
        return found

    def story(self, rollout: str) -> str:
        """All that is told of a rollout."""
        return self("rollout", "status", rollout) + self("rollout", "events", rollout)

    def until_over(self, rollout: str) -> dict[str, Any]:
        """Wait until a rollout has ended; how it stands then."""
        until(
            lambda: self.status(rollout)["state"] in _OVER,
            "the rollout is over",
            self._patience_s,
            otherwise=lambda: self.story(rollout),
        )
        return self.status(rollout)

    def label(self, rollout: str, label: str, count: int) -> None:
        """Take so many samples that a rollout's candidate and incumbent disagree on, and say what they show."""
        taken: list[str] = []

        def enough() -> bool:
            queued = json.loads(self("label", "queue", TASK, "--rollout", rollout, "--count", str(count), "--json"))
            taken.extend(f"{one['device']},{one['sample']},{label}" for one in queued["items"])
            return len(taken) >= count

        until(enough, f"{count} disagreements are there", PATIENCE_S, otherwise=lambda: self.story(rollout))
        sheet = self._folder / "labels.csv"
        sheet.write_text("\n".join(["device,sample,label", *taken, ""]))
        self("label", "import", str(sheet))

    def installs(self, device: str) -> list[dict[str, Any]]:
        """What a device says of the bundles of its newest assignment."""
        found: list[dict[str, Any]] = self.agents[device].status["assignment"]["installs"]
        return found
