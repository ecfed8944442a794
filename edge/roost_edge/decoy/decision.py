"""Which inputs are worth keeping, and with what probability each is kept. Pure.

What something speaks for is kept always: contestants that disagree, an answer that is not sure or is the default, an
operator who asks. Of the rest a share is kept, chosen by a hash of the request's id. Each keeps the probability it was
kept with, so that whoever weighs by its inverse sees the inputs as they came.

>>> from roost_shared.rendezvous import Request, Seen
>>> sure = Answer(Request("7", 0), "preferred", Score("a", "4", 0.99), (Seen("a", 1, Score("a", "4", 0.99)),), 1)
>>> decide(sure, CaptureConfig(base_rate=0.0), tolerance=None) is None
True
>>> unsure = Answer(Request("8", 0), "deadline", Score("a", "4", 0.41), (), 1)
>>> decide(unsure, CaptureConfig(base_rate=0.0), tolerance=None)
Keeping(kept_for=('low_confidence',), probability=1.0, priority=1)
"""

from itertools import combinations
from typing import Final

import msgspec

from roost_edge.decoy.config import CaptureConfig
from roost_shared.records import KeptFor
from roost_shared.rendezvous import Answer, Score, agree, is_sampled

__all__ = ["Keeping", "decide", "decide_late"]

_PRIORITY: Final[dict[KeptFor, int]] = {
    "operator": 3,
    "disagreement": 2,
    "late": 2,
    "default": 1,
    "low_confidence": 1,
    "base_rate": 0,
}
_SALT: Final = "capture:"  # whom the cloud is asked about is sampled by the same hash, and shall not be the same


class Keeping(msgspec.Struct, frozen=True):
    """The decision to keep an input.

    Attributes:
        kept_for: why, the most telling first.
        probability: with which such an input is kept, above 0.
        priority: higher ones outlive lower ones where room runs out.
    """

    kept_for: tuple[KeptFor, ...]
    probability: float
    priority: int


def decide(answer: Answer, config: CaptureConfig, *, tolerance: float | None, wanted: bool = False) -> Keeping | None:
    """Whether to keep the input of an answer.

    Args:
        answer: what was decided.
        config: the task's.
        tolerance: within which numeric outputs agree, as the task's policy has it.
        wanted: an operator asked for it.
    """
    reasons: list[KeptFor] = []
    if wanted:
        reasons.append("operator")
    if config.disagreement and _disagree([seen.score for seen in answer.candidates if seen.score], tolerance):
        reasons.append("disagreement")
    if answer.score is None:
        reasons.append("default")
    elif answer.score.confidence is not None and answer.score.confidence < config.low_confidence:
        reasons.append("low_confidence")
    if reasons:
        return _kept(*reasons)
    if config.base_rate and is_sampled(_SALT + answer.request.id, config.base_rate):
        return Keeping(("base_rate",), config.base_rate, _PRIORITY["base_rate"])
    return None


def decide_late() -> Keeping:
    """What a score that came late and differs says for an input that was not kept and is still in memory."""
    return _kept("late")


def _kept(*reasons: KeptFor) -> Keeping:
    ordered = tuple(sorted(reasons, key=lambda reason: -_PRIORITY[reason]))
    return Keeping(ordered, 1.0, _PRIORITY[ordered[0]])


def _disagree(scores: list[Score], tolerance: float | None) -> bool:
    """Whether any two do: within a tolerance, agreement does not carry over from one to the next."""
    return any(not agree(one, other, tolerance) for one, other in combinations(scores, 2))
