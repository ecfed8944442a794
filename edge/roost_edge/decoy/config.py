"""What agent.toml says of capture: `[tasks.NAME.capture]`. Without it, and without a decoy, nothing is kept."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["CaptureConfig"]

Share = Annotated[float, Meta(ge=0, le=1)]


class CaptureConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which of a task's inputs are kept.

    Attributes:
        base_rate: share of the inputs that nothing speaks for, chosen by a hash of the request's id.
        low_confidence: an answer less sure than this speaks for its input.
        disagreement: contestants that say different things speak for it, be it after the answer.
        pixels: False keeps what was said of an input and never the input; nor is it sent to cloud contestants.
        answers: `all` records every answer, not only those whose inputs are kept.
    """

    base_rate: Share = 0.01
    low_confidence: Share = 0.5
    disagreement: bool = True
    pixels: bool = True
    answers: Literal["kept", "all"] = "kept"
