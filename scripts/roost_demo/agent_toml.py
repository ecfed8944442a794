"""The agent.toml of a demo device: what is its site's own. What it runs, the cloud assigns."""

from pathlib import Path
from typing import Final

__all__ = ["WINDOW_S", "agent_toml"]

_BASE_RATE: Final = 0.1  # of the inputs that nothing speaks for
_UPLOAD_AFTER_S: Final = 1  # a person would wait longer, and send more at a time
WINDOW_S: Final = 1  # elsewhere a minute
_MEASURED_PER_S: Final = 50  # all: the demo's models are so small that statistics of their inputs cost more than they
_FREE_DISK_BYTES: Final = 16 << 20  # what the demo keeps is small


def agent_toml(*, tenant: str, device: str, state_dir: Path, port: int, cloud_url: str, task: str) -> str:
    """The file's text."""
    sections = [
        f'tenant = "{tenant}"\ndevice = "{device}"\nstate_dir = "{state_dir}"',
        f'[broker]\nurl = "mqtt://127.0.0.1:{port}"',
        f'[cloud]\nurl = "{cloud_url}"\nupload_after_s = {_UPLOAD_AFTER_S}',
        f"[limits]\nfree_disk_bytes = {_FREE_DISK_BYTES}",
        f"[tasks.{task}.monitor]\nwindow_s = {WINDOW_S}\nmeasured_per_s = {_MEASURED_PER_S}",
        f'[tasks.{task}.capture]\nbase_rate = {_BASE_RATE}\nanswers = "all"',
    ]
    return "\n\n".join(sections) + "\n"
