"""A real `roost-agent` process, and callers who publish inputs to it and collect its answers."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from roost_edge.status.server import NotRunningError, read_status
from roost_shared.topics import DeviceTopics
from tests.support.mqtt_peer import MqttPeer
from tests.support.program import Program
from tests.support.waiting import PATIENCE_S, until

__all__ = [
    "DEVICE",
    "TENANT",
    "TOKEN",
    "TOPICS",
    "AgentProcess",
    "Caller",
    "answers_by_id",
    "boot_of",
    "run_command",
    "task_toml",
    "until",
    "without_starved",
]

TENANT, DEVICE = "acme", "cam-01"
TOPICS = DeviceTopics(TENANT, DEVICE)
TOKEN = "let me choose"  # the operator's
TOKEN_SHA256 = hashlib.sha256(TOKEN.encode()).hexdigest()


def task_toml(name: str, contestants: dict[str, Path], *, rules: str = "", **settings: Any) -> str:
    """A task as agent.toml has it; a contestant named `baseline` or `shadow` has that role."""
    lines = [f"[tasks.{name}]"]
    inject: dict[str, str] = settings.pop("inject", {})
    settings = {"deadline_ms": 5000, "default": "unknown"} | settings
    lines += [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    lines += [f"[tasks.{name}.inject]"]
    lines += [f"{key} = {json.dumps(topic)}" for key, topic in inject.items()]
    for contestant, bundle in contestants.items():
        role = contestant if contestant in ("baseline", "shadow") else "answer"
        lines += [f"[[tasks.{name}.contestants]]", f'name = "{contestant}"', f'role = "{role}"']
        lines += [f"bundle = {json.dumps(str(bundle))}"]
    for rule in rules.split(";") if rules else ():
        lines += [f"[[tasks.{name}.rules]]", *rule.strip().split(", ")]
    return "\n".join([*lines, ""])


def run_command(
    *arguments: str | Path, timeout_s: float = PATIENCE_S, python: str | Path = sys.executable
) -> subprocess.CompletedProcess[str]:
    """Run `roost-agent` to its end."""
    command = [python, "-m", "roost_edge", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


class AgentProcess(Program):
    """`roost-agent run` with its own folder.

    Args:
        folder: for agent.toml, state and log.
        url: of its broker.
        tasks: TOML of its tasks, see `task_toml`.
        device: its name.
        broker: further lines of `[broker]`.
        limits: lines of `[limits]`.
        python: what runs it.
        environment: further variables.
        unsigned: bundles from a folder may run.
    """

    def __init__(
        self,
        folder: Path,
        url: str,
        tasks: str,
        *,
        device: str = DEVICE,
        broker: str = "",
        limits: str = "",
        python: str | Path = sys.executable,
        environment: Mapping[str, str] | None = None,
        unsigned: bool = True,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder / "agent.log")
        self.config = folder / "agent.toml"
        self._python = python
        self._environment = dict(environment or {})
        self.state_dir = folder / "state"
        self.config.write_text(
            f'tenant = "{TENANT}"\ndevice = "{device}"\nstate_dir = "state"\n'
            f'operator_token_sha256 = "{TOKEN_SHA256}"\n'
            f'[broker]\nurl = "{url}"\n{broker}\n[limits]\n{limits}\n'
            f"[trust]\nallow_unsigned = {str(unsigned).lower()}\n{tasks}"
        )

    @property
    def status(self) -> dict[str, Any]:
        return read_status(self.state_dir)

    @property
    def running(self) -> bool:
        """Whether it answers for its status."""
        try:
            return bool(self.status)
        except NotRunningError:
            assert not self.ended, f"the agent has ended: {self.log}"
            return False

    @property
    def connected(self) -> bool:
        """Whether what is published from now on comes to it."""
        return self.running and bool(self.status["broker"]["subscribed"])

    def start(self, *, wait: bool = True) -> Self:
        """Start it; with `wait`, until it is connected and its workers are ready or known to fail."""
        command = [self._python, "-m", "roost_edge", "run", "--config", str(self.config)]
        self._spawn(command, cwd=self.config.parent, env=os.environ | self._environment)
        if wait:
            until(lambda: self.connected, "the agent is connected")
            until(lambda: "starting" not in self._states, "its workers are ready")  # after 5 s it does not wait
        return self

    @property
    def _states(self) -> set[str]:
        tasks: dict[str, Any] = self.status["tasks"]
        return {one["state"] for task in tasks.values() for one in task["contestants"].values()}

    def contestant(self, task: str, name: str) -> dict[str, Any]:
        """What its status says of a contestant."""
        found: dict[str, Any] = self.status["tasks"][task]["contestants"][name]
        return found

    def until_ready(self, task: str, name: str) -> None:
        until(lambda: self.contestant(task, name)["state"] == "ready", f"{task}/{name} is ready")

    def signal_worker(self, task: str, name: str, number: signal.Signals) -> int | None:
        """Send a contestant's worker a signal; its pid, or None if there is no process at the moment."""
        pid: int | None = self.contestant(task, name)["pid"]
        if pid is not None:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return None
        return pid


class Caller:
    """Publishes inputs, collects what comes to `…/out/+` and to its own reply topic.

    Args:
        port: of the broker.
        version: of MQTT; 4 is 3.1.1.
        name: of this caller; its replies come to `replies/{name}`.
        lasting: have the broker keep what comes while this caller is away, until one of the same name is back.
        device: whom it asks.
    """

    def __init__(
        self,
        port: int,
        *,
        version: int = 5,
        name: str = "caller",
        lasting: bool = False,
        device: str = DEVICE,
    ) -> None:
        self.version = version
        self._topics = DeviceTopics(TENANT, device)
        self.peer = MqttPeer(port, client_id=name if lasting else "", version=version, clean=not lasting)
        self.replies = f"replies/{name}"
        self.peer.subscribe(self._topics.output("+"))
        self.peer.subscribe(self.replies)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.peer.close()

    def publish(self, payload: bytes, task: str = "light", **more: Any) -> None:
        """Publish an input; MQTT 5 properties by paho's names."""
        self.peer.publish(self._topics.input(task), payload, **more)

    def answer(self) -> dict[str, Any]:
        """Wait for the next answer, wherever it comes."""
        return decode(self.peer.next()[0].payload)

    def answers(self, count: int, timeout_s: float = PATIENCE_S) -> list[dict[str, Any]]:
        """Wait for that many answers."""
        self.peer.wait(lambda: len(self.peer.messages) >= count, f"{count} answers", timeout_s)
        return [decode(message.payload) for message in self.peer.next(count)]

    def taken(self) -> list[dict[str, Any]]:
        """The answers that are there, without waiting."""
        return [decode(message.payload) for message in self.peer.next(len(self.peer.messages))]

    def ids(self) -> set[str]:
        """The ids of the answers that are there and were not taken."""
        return {decode(message.payload)["id"] for message in list(self.peer.messages)}

    def ask(self, payload: bytes, task: str = "light", **more: Any) -> dict[str, Any]:
        """Publish an input and wait for the next answer."""
        self.publish(payload, task, **more)
        return self.answer()


def decode(payload: bytes | bytearray) -> dict[str, Any]:
    """An answer as a foreign program reads it: strict JSON."""
    document = json.loads(payload, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert isinstance(document, dict)
    return document


def answers_by_id(answers: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Answers grouped by their `id`."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for answer in answers:
        groups.setdefault(answer["id"], []).append(answer)
    return groups


def without_starved(answers: list[dict[str, Any]], agent: AgentProcess, task: str, name: str) -> list[dict[str, Any]]:
    """The answers but for defaults, of which there may be some only if the machine gave a worker no turn.

    Args:
        answers: all.
        agent: whose.
        task: that was asked.
        name: of a contestant that nobody has hung or killed: taken to hang, it was starved.
    """
    defaults = [answer for answer in answers if answer["reason"] == "default"]
    starved = (agent.contestant(task, name)["last_error"] or {}).get("code") == "worker.hung"
    assert starved or not defaults, defaults[0]
    return [answer for answer in answers if answer["reason"] != "default"]


def boot_of(answer: dict[str, Any]) -> str:
    """The boot that minted the id of an answer to a caller without ids."""
    found = re.match(r"[0-9a-f]{16}(?=-)", answer["id"])
    assert found is not None, answer["id"]
    return found[0]
