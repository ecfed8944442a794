"""Whether a cloud contestant's score makes sense. Pure: what it says of the input is its own affair.

>>> nonsense(CloudScore(id="b:1", contestant="big", label="7", confidence=0.9), labels=frozenset("0123456789"))
>>> nonsense(CloudScore(id="b:1", contestant="big", label="cat", confidence=0.9), labels=frozenset("01")).code
'score.bad_label'
"""

import math
from typing import Any, Final

from roost_shared.messages import ErrorInfo
from roost_shared.questions import CloudScore

__all__ = ["BAD_LABEL", "nonsense"]

BAD_LABEL: Final = "score.bad_label"

_MAX_TEXT: Final = 256  # characters of a label or a bundle's reference that an answer repeats
_MAX_TOP: Final = 100  # labels
_MAX_OUTPUT: Final = 65_536  # numbers


def nonsense(score: CloudScore, labels: frozenset[str] | None) -> ErrorInfo | None:
    """Why a score without an error cannot be used; None if it can.

    Args:
        score: as it came.
        labels: the task's label space; None where it is not known.
    """
    if not all(_is_share(share) for share in (score.confidence, *(share for _, share in score.top))):
        return ErrorInfo("score.bad_confidence", "a confidence is not a number between 0 and 1")
    if score.label is None and score.output is None:
        return ErrorInfo("score.empty", "it holds neither a label nor an output")
    if not _is_output(score.output):
        return ErrorInfo("score.bad_output", "the output is neither a number nor a list of numbers, all finite")
    if len(score.top) > _MAX_TOP or len(score.bundle or "") > _MAX_TEXT:
        return ErrorInfo("score.too_large", "it says more than an answer repeats")
    said = [label for label in (score.label, *(label for label, _ in score.top)) if label is not None]
    if any(len(label) > _MAX_TEXT if labels is None else label not in labels for label in said):
        return ErrorInfo(BAD_LABEL, "a label is none of the task's")
    return None


def _is_share(confidence: float | None) -> bool:
    return confidence is None or 0 <= confidence <= 1


def _is_output(output: Any) -> bool:
    if output is None or _is_number(output):
        return True
    return isinstance(output, list) and len(output) <= _MAX_OUTPUT and all(_is_number(value) for value in output)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
