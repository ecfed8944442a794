"""An agent whose task asks the cloud when its own model is unsure."""

from pathlib import Path
from typing import Any

from tests.support.agent import AgentProcess, task_toml, until
from tests.support.bundles import picture
from tests.support.waiting import PATIENCE_S

__all__ = ["SURE", "UNSURE", "asking_toml", "link_of", "until_link"]

SURE, UNSURE = picture(255), picture(127)  # the latter: dark, with a confidence of 0.52
RULES = (
    'accept = "primary", min_confidence = 0.8; accept = "big"; after_ms = {patience_ms}, accept = "primary"; '
    'after_ms = {patience_ms}, accept = "other"'
)


def asking_toml(
    bundle: Path, *, cloud: dict[str, str] | None = None, head: str = "", patience_ms: int = 2000, **settings: Any
) -> str:
    """Task `light`: a confident `primary`, else the cloud's `big`, else, after a while, any primary.

    Args:
        bundle: of `primary`.
        cloud: cloud contestants and how they are asked, in TOML.
        head: lines before the task.
        patience_ms: after which any primary will do.
        settings: of the task.
    """
    cloud = cloud or {"big": '"unsure"'}
    rules = (
        RULES.format(patience_ms=patience_ms)
        if "other" in cloud
        else RULES.format(patience_ms=patience_ms).rpartition(";")[0]
    )
    task = task_toml("light", {"primary": bundle}, rules=rules, **({"deadline_ms": 3000} | settings))
    for name, ask in cloud.items():
        task += f'[[tasks.light.contestants]]\nname = "{name}"\nwhere = "cloud"\nask = {ask}\n'
    return f"{head}\n{task}"


def link_of(agent: AgentProcess) -> dict[str, Any]:
    """What its status says of the link."""
    link: dict[str, Any] = agent.status["cloud"]["link"]
    return link


def until_link(agent: AgentProcess, state: str, timeout_s: float = PATIENCE_S) -> None:
    until(lambda: link_of(agent)["state"] == state, f"the link is {state}", timeout_s)
