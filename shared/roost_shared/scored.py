"""What one model says of one input, as it travels from the process that ran it."""

from typing import Any

import msgspec

__all__ = ["Scored"]


class Scored(msgspec.Struct, frozen=True):
    """A model's result.

    Attributes:
        label: best label of a classification, else None.
        confidence: 0…1, None if the bundle defines none.
        top: up to five labels with their probabilities, best first; empty unless a classification.
        output: a number or a list for a regression, a list for an embedding, None for a classification.
    """

    label: str | None
    confidence: float | None
    top: list[tuple[str, float]]
    output: Any = None
