"""How strict a gate is.

>>> GateSettings().latency_ratio
1.25
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["GateSettings"]

Share = Annotated[float, Meta(ge=0, le=1)]


class GateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task's; the defaults suit a classifier that refits its head.

    Attributes:
        alpha: how probable it may be that a candidate passes which is no better where the world changed, or which
            loses more than `epsilon` on the reference data; each by itself.
        epsilon: of accuracy on the reference data that may be lost.
        reference: `required`: without reference data nothing passes; `if_present`: without, it is not asked for.
        twin_agreement: share of inputs of which a quantised candidate must say what it says in float.
        twin_confidence: by how much the two may differ in confidence, on average.
        latency_ratio: of the candidate's median latency to the incumbent's.
        latency_slack_ms: more than the incumbent that is never too much, whatever the ratio: milliseconds.
        bar_shift: of the share of inputs that reach a rule's bar; beyond it the bar is set anew.
    """

    alpha: Annotated[float, Meta(gt=0, le=0.5)] = 0.05
    epsilon: Annotated[float, Meta(gt=0, lt=1)] = 0.02
    reference: Literal["required", "if_present"] = "required"
    twin_agreement: Share = 0.98
    twin_confidence: Share = 0.05
    latency_ratio: Annotated[float, Meta(ge=1, le=100)] = 1.25
    latency_slack_ms: Annotated[float, Meta(ge=0, le=10_000)] = 0.2
    bar_shift: Share = 0.05
