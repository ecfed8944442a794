"""What the demo writes is an agent.toml that the agent takes."""

from pathlib import Path

from roost_edge.settings.loading import load_config
from scripts.roost_demo.agent_toml import agent_toml


def test_the_agent_takes_the_demos_config(tmp_path: Path) -> None:
    text = agent_toml(
        tenant="demo",
        device="cam-01",
        state_dir=tmp_path,
        port=1883,
        cloud_url="http://127.0.0.1:8080",
        task="digits",
    )
    file = tmp_path / "agent.toml"
    file.write_text(text)
    config = load_config(file)
    assert config.cloud is not None
    assert config.cloud.url == "http://127.0.0.1:8080"
    task = config.tasks["digits"]
    assert not task.contestants, "the cloud assigns them"
    assert task.capture is not None
    assert task.monitor is not None
    assert (task.capture.base_rate, task.capture.answers) == (0.1, "all")
    assert config.cloud.upload_after_s == 1
