"""A whole agent whose primary shares its base with a shadow that hangs or dies: every answer comes by its deadline."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.agent import AgentProcess, Caller, task_toml, until
from tests.support.mosquitto import Mosquitto
from tests.support.split_bundles import ROTATED, split_bundle

RULES = 'accept = "primary"; accept = "backup", after_ms = 100'
INPUT = b"[0, 0, 9]"


@pytest.fixture
def agent(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[AgentProcess]:
    contestants = {
        "primary": split_bundle(tmp_path / "primary"),
        "backup": split_bundle(tmp_path / "backup", version="2"),
        "shadow": split_bundle(tmp_path / "shadow", version="3", labels=ROTATED),
    }
    task = task_toml("light", contestants, rules=RULES, deadline_ms=1000)
    with AgentProcess(tmp_path / "agent", mosquitto.url, task) as agent:
        agent.start()
        for name in contestants:
            agent.until_ready("light", name)
        yield agent


def test_the_shadow_shares_the_primary_s_process_and_the_backup_does_not(
    agent: AgentProcess, mosquitto: Mosquitto
) -> None:
    primary, backup, shadow = (agent.contestant("light", name) for name in ("primary", "backup", "shadow"))
    assert primary["pid"] == shadow["pid"] != backup["pid"]
    assert (primary["shares_base_with"], shadow["shares_base_with"]) == (["shadow"], ["primary"])
    assert backup["shares_base_with"] == []
    with Caller(mosquitto.port) as caller:
        answer = caller.ask(INPUT)
        assert (answer["contestant"], answer["label"]) == ("primary", "two")
        until(lambda: agent.contestant("light", "shadow")["served"] == 1, "the shadow has scored it too")


@pytest.mark.parametrize("how", [signal.SIGSTOP, signal.SIGKILL])
def test_when_the_shared_worker_hangs_or_dies_the_backup_answers_in_time(
    agent: AgentProcess, mosquitto: Mosquitto, how: signal.Signals
) -> None:
    with Caller(mosquitto.port) as caller:
        for _ in range(2):
            agent.until_ready("light", "primary")
            agent.signal_worker("light", "shadow", how)
            for _ in range(3):
                answer = caller.ask(INPUT)
                assert answer["deadline_met"]
                assert answer["label"] == "two"
                assert answer["contestant"] in {"primary", "backup"}
        agent.until_ready("light", "primary")
        assert caller.ask(INPUT)["contestant"] == "primary"
