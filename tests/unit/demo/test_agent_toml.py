"""What the demo writes is an agent.toml that the agent takes."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from roost_edge.config import load_config
from scripts.roost_demo.agent_toml import agent_toml
from scripts.roost_demo.contestants import Contestant

LOCAL = (("primary", "answer", "local"), ("backup", "answer", "local"), ("baseline", "baseline", "local"))
CLOUD = ("cloud", "answer", "cloud")


@pytest.mark.parametrize("deadline_ms", [20, 200, 5000])
@pytest.mark.parametrize("named", [LOCAL, (*LOCAL, CLOUD)], ids=["local", "with cloud"])
def test_the_agent_takes_the_demos_config(
    tmp_path: Path, deadline_ms: int, named: tuple[tuple[str, str, str], ...]
) -> None:
    bundle = SimpleNamespace(folder=tmp_path / "bundle")
    text = agent_toml(
        tenant="demo",
        device="cam-01",
        state_dir=tmp_path,
        port=1883,
        cloud_url="http://127.0.0.1:8080",
        task="digits",
        deadline_ms=deadline_ms,
        contestants=[
            cast("Contestant", SimpleNamespace(name=name, role=role, bundle=bundle, where=where))
            for name, role, where in named
        ],
    )
    file = tmp_path / "agent.toml"
    file.write_text(text)
    config = load_config(file)
    assert config.cloud is not None
    assert config.cloud.url == "http://127.0.0.1:8080"
    task = config.tasks["digits"]
    accepted = [rule.accept for rule in task.rules]
    assert [name for name in accepted if name != "cloud"] == ["primary", "primary", "backup", "primary", "backup"]
    assert ("cloud" in accepted) == (CLOUD in named)
    assert all(rule.after_ms < deadline_ms for rule in task.rules)
    assert task.capture is not None
    assert (task.capture.base_rate, task.capture.answers) == (0.1, "all")
    assert config.cloud.upload_after_s == 1
