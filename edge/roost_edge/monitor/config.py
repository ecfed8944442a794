"""What agent.toml says of windows: `[tasks.NAME.monitor]`. Without it none are made."""

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["MonitorConfig"]


class MonitorConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a task's windows end: whichever comes first.

    Attributes:
        window_s: so long after they began.
        window_inputs: with so many answers.
    """

    window_s: Annotated[float, Meta(ge=1, le=86_400)] = 60.0
    window_inputs: Annotated[int, Meta(ge=1, le=65_535)] = 10_000
