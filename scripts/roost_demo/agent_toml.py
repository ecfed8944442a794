"""The agent.toml of a demo device, written as a person would write it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from scripts.roost_demo.contestants import Contestant

__all__ = ["BAR", "agent_toml"]

BAR: Final = 0.95  # confidence at which the primary answers at once
_BASE_RATE: Final = 0.1  # of the inputs that nothing speaks for
_UPLOAD_AFTER_S: Final = 1  # a person would wait longer, and send more at a time
_FREE_DISK_BYTES: Final = 16 << 20  # what the demo keeps is small
# Share of the deadline at which a rule opens, whom it accepts, and how sure that one must be.
_RULES: Final = (
    (0.0, "primary", BAR),
    (0.0, "cloud", None),
    (0.25, "primary", 0.5),
    (0.25, "backup", 0.5),
    (0.5, "primary", None),
    (0.7, "backup", None),
)


def agent_toml(
    *,
    tenant: str,
    device: str,
    state_dir: Path,
    port: int,
    cloud_url: str,
    task: str,
    deadline_ms: int,
    contestants: Sequence[Contestant],
) -> str:
    """The file's text."""
    sections = [
        f'tenant = "{tenant}"\ndevice = "{device}"\nstate_dir = "{state_dir}"',
        f'[broker]\nurl = "mqtt://127.0.0.1:{port}"',
        f'[cloud]\nurl = "{cloud_url}"\nupload_after_s = {_UPLOAD_AFTER_S}',
        f"[limits]\nfree_disk_bytes = {_FREE_DISK_BYTES}",
        "[trust]\nallow_unsigned = true",
        f'[tasks.{task}]\ndeadline_ms = {deadline_ms}\ndefault = "unknown"',
        f'[tasks.{task}.capture]\nbase_rate = {_BASE_RATE}\nanswers = "all"',
    ]
    for one in contestants:
        runs = 'where = "cloud"' if one.where == "cloud" else f'bundle = "{one.bundle.folder}"'
        sections.append(f'[[tasks.{task}.contestants]]\nname = "{one.name}"\nrole = "{one.role}"\n{runs}')
    names = {one.name for one in contestants}
    for share, accept, min_confidence in (rule for rule in _RULES if rule[1] in names):
        rule = f'[[tasks.{task}.rules]]\nafter_ms = {round(share * deadline_ms)}\naccept = "{accept}"'
        sections.append(rule if min_confidence is None else f"{rule}\nmin_confidence = {min_confidence}")
    return "\n\n".join(sections) + "\n"
