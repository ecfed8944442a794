"""From `roost assign` to the device that runs it: a real cloud, signed bundles, and traffic all the while."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from roost_cloud.__main__ import app
from roost_shared.bundle import Bundle
from tests.support.agent import AgentProcess, Caller, run_command
from tests.support.capture_cloud import CaptureCloud
from tests.support.changeover_rig import altered, fast
from tests.support.embedded_broker import EmbeddedBroker
from tests.support.waiting import until
from tests.support.worker_rig import ARRAY

TASK = "argmax"
DEVICE = "cam-01"
PATIENCE_S = 90.0
UNTIL_ASKED = {"shadow_inputs": 10, "shadow_s": 86_400, "watch_inputs": 5}  # nothing goes on without inputs
SITE = f'[tasks.{TASK}]\ndeadline_ms = 5000\ndefault = "nobody"\n'


class Operator:
    """Somebody with the tenant's token, and keys of all kinds."""

    def __init__(self, cloud: CaptureCloud, folder: Path) -> None:
        self._folder = folder
        self._env = {"ROOST_URL": cloud.web.url, "ROOST_TOKEN": cloud.token, "COLUMNS": "200"}
        self._env |= {"ROOST_TRUST_KEYS": str(folder / "keys")}
        self("trust", "init", "--no-passphrase")
        self("trust", "add-key", "ann", "--no-passphrase")
        self("trust", "delegate", TASK, "--to", str(folder / "keys" / "ann.pub"))

    def __call__(self, *arguments: str) -> str:
        done = CliRunner().invoke(app, list(arguments), env=self._env)
        assert done.exit_code == 0, f"{arguments}: {done.output}{done.exception!r}"
        return done.output

    def release(self, bundle: Bundle) -> None:
        self("bundle", "push", str(bundle.folder))
        self("trust", "sign", f"{bundle.config.name}:{bundle.config.version}", "--expect", str(bundle.folder))

    def assign(self, bundle: Bundle, **trial: float) -> None:
        told = "\n".join(f"{key} = {value}" for key, value in trial.items())
        file = self._folder / "assigned.toml"
        file.write_text(
            f'[tasks.{TASK}]\ndeadline_ms = 5000\ndefault = "nobody"\n[tasks.{TASK}.trial]\n{told}\n'
            f'[[tasks.{TASK}.contestants]]\nname = "primary"\n'
            f'bundle = "{bundle.config.name}:{bundle.config.version}"\n'
        )
        self("assign", DEVICE, str(file))


class Sensor:
    """Asks now and then, all the time."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._over = threading.Event()
        self.asked = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(0.02):
            self._caller.publish(ARRAY, TASK)
            self.asked += 1

    def end(self) -> list[dict[str, Any]]:
        self._over.set()
        self._thread.join()
        return self._caller.answers(self.asked)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Operator, AgentProcess, Caller]]:
    folder = tmp_path_factory.mktemp("assigned")
    with CaptureCloud(folder / "cloud") as cloud, EmbeddedBroker() as broker:
        operator = Operator(cloud, folder)
        with AgentProcess(folder / "agent", broker.url, cloud.toml(SITE), unsigned=False) as agent:
            cloud.enrol(agent, DEVICE)
            agent.start()
            with Caller(broker.port, version=4) as caller:
                yield operator, agent, caller


def assignment(agent: AgentProcess) -> dict[str, Any]:
    found: dict[str, Any] = agent.status["assignment"]
    return found


def until_confirmed(agent: AgentProcess, version: int) -> None:
    def confirmed() -> bool:
        found = assignment(agent)
        assert not found["problem"], found
        return bool(found["version"] == version and found["confirmed"])

    until(confirmed, f"version {version} is confirmed", PATIENCE_S, otherwise=lambda: agent.log)


def ask_until_phase(agent: AgentProcess, caller: Caller, phase: str) -> set[str]:
    """Ask, one input after the other, until the device is so far; the bundles that answered before it was."""
    bundles: set[str] = set()

    def there() -> bool:
        if assignment(agent)["phase"] == phase:
            return True
        bundles.add(caller.ask(ARRAY, TASK)["bundle"])
        return False

    until(there, f"the phase is {phase}", PATIENCE_S, otherwise=lambda: f"{assignment(agent)}\n{agent.log}")
    return bundles


def until_on_trial(agent: AgentProcess) -> None:
    until(
        lambda: assignment(agent)["phase"] == "shadowing",
        "it is on trial",
        PATIENCE_S,
        otherwise=lambda: f"{assignment(agent)}\n{agent.log}",
    )


def stop_installer(agent: AgentProcess, caller: Caller, phase: str) -> set[str]:
    """Have the installer hang while something is on trial, so that the device gets no further than `phase`."""
    until_on_trial(agent)
    os.kill(assignment(agent)["installer_pid"], signal.SIGSTOP)
    return ask_until_phase(agent, caller, phase)


def was_taken_back(agent: AgentProcess) -> bool:
    found = assignment(agent)
    return bool(found["problem"]) and found["phase"] == "idle"


@pytest.mark.timeout(300)
def test_a_device_runs_what_it_is_assigned_and_changes_it_without_a_gap(
    site: tuple[Operator, AgentProcess, Caller], tmp_path: Path
) -> None:
    operator, agent, caller = site
    first, second = fast(tmp_path / "1", "1"), fast(tmp_path / "2", "2")
    broken = altered(tmp_path / "broken", fast(tmp_path / "3", "3"))
    for bundle in (first, second, broken):
        operator.release(bundle)
    unassigned = caller.ask(ARRAY, TASK)
    assert (unassigned["label"], unassigned["error"]["code"]) == ("nobody", "task.unassigned")

    operator.assign(first, watch_inputs=0)
    until_confirmed(agent, 1)
    sensor = Sensor(caller)
    operator.assign(second, shadow_inputs=10, watch_inputs=20)
    until_confirmed(agent, 2)
    operator.assign(broken, shadow_inputs=10, watch_inputs=20)
    until(lambda: was_taken_back(agent), "the third is refused", PATIENCE_S, otherwise=lambda: agent.log)
    answers = sensor.end()

    bundles = [answer["bundle"] for answer in answers]
    assert set(bundles) == {first.reference, second.reference}
    assert bundles.index(second.reference) == bundles.count(first.reference), "the old one answers no more"
    assert all(answer["deadline_met"] and answer["reason"] == "preferred" for answer in answers)
    assert not any(answer.get("unsigned") for answer in answers)
    found = assignment(agent)
    assert found["problem"]["code"] == "install.golden"
    assert (found["version"], found["desired"], found["confirmed"], found["phase"]) == (2, 3, True, "idle")

    # The cloud knows as well, and a start without it changes nothing.
    until(lambda: "install.golden" in operator("assign", "--show", DEVICE), "the cloud knows", PATIENCE_S)
    agent.kill()
    checked = run_command("check", "--config", agent.config)
    assert checked.returncode == 0, checked.stderr
    assert f"{TASK}/primary: ok: {second.reference}" in checked.stdout
    agent.start()
    again = caller.ask(ARRAY, TASK)
    assert again["bundle"] == second.reference


@pytest.mark.timeout(300)
def test_killed_while_it_commits_or_returns_it_runs_what_is_in_force_and_goes_on(
    site: tuple[Operator, AgentProcess, Caller], tmp_path: Path
) -> None:
    operator, agent, caller = site
    old, new = fast(tmp_path / "5", "5"), fast(tmp_path / "6", "6")
    turned = fast(tmp_path / "7", "7", turned=True, document={"predicted_disagreement": 0.0})
    for bundle in (old, new, turned):
        operator.release(bundle)
    operator.assign(old, shadow_inputs=0, watch_inputs=0)
    until(lambda: assignment(agent)["confirmed"] and assignment(agent)["version"] == 4, "the old one runs", PATIENCE_S)

    # It has passed its trial, and nobody has said that it is in force.
    operator.assign(new, **UNTIL_ASKED)
    assert stop_installer(agent, caller, "committing") == {old.reference}
    agent.kill()
    agent.start()
    assert caller.ask(ARRAY, TASK)["bundle"] == old.reference
    ask_until_phase(agent, caller, "watching")
    ask_until_phase(agent, caller, "idle")
    assert (assignment(agent)["version"], assignment(agent)["confirmed"]) == (5, True)
    assert caller.ask(ARRAY, TASK)["bundle"] == new.reference

    # It has not, and nobody has noted that.
    operator.assign(turned, **UNTIL_ASKED)
    assert stop_installer(agent, caller, "returning") == {new.reference}
    agent.kill()
    agent.start()
    assert caller.ask(ARRAY, TASK)["bundle"] == new.reference
    until_on_trial(agent)
    assert ask_until_phase(agent, caller, "idle") == {new.reference}
    found = assignment(agent)
    assert (found["version"], found["problem"]["code"]) == (5, "install.disagreement")
