"""Whether two contestants say the same of a request: equal labels, or numbers that lie close together. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from roost_shared.rendezvous.events import Answer, Score

__all__ = ["agree", "compare_with_answer"]


def agree(one: Score, other: Score, tolerance: float | None) -> bool:
    """Whether two scores agree. Symmetric.

    Args:
        one: a score.
        other: another of the same request.
        tolerance: numbers agree, and lists of numbers of equal length, if no value differs by more than this, in
            output units. What is not both numbers or both lists of them agrees if it is equal: labels, where there are
            any. None: so does everything.

    >>> agree(Score("a", output=[0.5, 1.0]), Score("b", output=[0.5, 1.25]), tolerance=0.25)
    True
    >>> agree(Score("a", output=20), Score("b", output=[20, 20]), tolerance=0.25)
    False
    """
    said, says = one.output, other.output
    if tolerance is not None:
        if isinstance(said, int | float) and isinstance(says, int | float):
            return abs(said - says) <= tolerance
        if _is_row(said) and _is_row(says):
            return len(said) == len(says) and all(abs(a - b) <= tolerance for a, b in zip(said, says, strict=True))
    if one.label is None and other.label is None:
        return bool(said == says)
    return one.label == other.label


def compare_with_answer(answer: Answer, tolerance: float | None) -> Iterator[tuple[str, bool]]:
    """For each other contestant that had scored when the answer left: its name, and whether it agrees.

    Nothing can be said of a default: no contestant gave it.
    """
    chosen = answer.score
    if chosen is None:
        return
    for seen in answer.candidates:
        if seen.score is not None and seen.contestant != chosen.contestant:
            yield seen.contestant, agree(chosen, seen.score, tolerance)


def _is_row(output: Any) -> bool:
    return isinstance(output, Sequence) and all(isinstance(value, int | float) for value in output)
