"""What an alarm says of itself: what moved, how far, and whose fault it is. Pure.

Everything is JSON's: a number of deviations that is beyond all measure, of what had never moved before, is null.

>>> told = tell("event_rate", np.array([[0.0]] * 12), np.array([1.1]), np.array([7.0]))
>>> told["summary"], told["moved"][0]["deviations"]
('inputs came 3.0 times as often', 7.0)
"""

import math
from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from roost_cloud.db.tables.drift import WORDS_CHARS
from roost_cloud.drift.budget import Kind
from roost_cloud.drift.explanation import explain
from roost_cloud.drift.measures import Values
from roost_cloud.drift.models import tell_apart
from roost_cloud.drift.steadiness import LEAST, Shift
from roost_shared.phi import KINDS, PhiKind
from roost_shared.sketches import LabelCounts, Moments

__all__ = ["Cause", "cause_of", "tell", "unsteady_words"]

Cause = Literal["input", "model", "unknown"]

_SHOWN: Final = 5
_MIDDLE: Final = 4.5  # of ten groups, from 0


def tell(
    kind: Kind, own: Values, now: Values, deviations: NDArray[np.float64], phi: PhiKind | None = None
) -> dict[str, Any]:
    """What moved.

    Args:
        kind: of drift.
        own: features of the device's baseline, (K, …).
        now: features of the decision.
        deviations: of each feature; of confidence, of each tenth.
        phi: of which φ, for input drift.

    Returns:
        `summary`, a line, and `moved`, the farthest first.
    """
    match kind:
        case "input" if phi is not None:
            return _of_input(phi, deviations)
        case "event_rate":
            return _of_rate(own, now, deviations)
        case "label_mix":
            return _of_labels(own, now, deviations)
        case _:
            return _of_confidence(deviations)


def cause_of(kind: Kind, *, baseline_moved: bool | None) -> Cause:
    """Whose fault it is that a contestant moved.

    Args:
        kind: in what it moved.
        baseline_moved: whether the baseline contestant, which sees the same inputs and never changes, moved in the
            same; None where there is none that could tell.

    >>> cause_of("model", baseline_moved=False), cause_of("label_mix", baseline_moved=True)
    ('model', 'input')
    >>> cause_of("label_mix", baseline_moved=None)
    'unknown'
    """
    if kind in ("input", "event_rate"):
        return "input"
    if baseline_moved is None:
        return "unknown"
    return "model" if tell_apart(primary_moved=True, baseline_moved=baseline_moved) == "model" else "input"


def unsteady_words(kind: Kind, shift: Shift, phi: Moments | None) -> str | None:
    """How something changed while a device was commissioned, for people; None if nothing did that could be told."""
    if shift.share >= LEAST:
        return None
    match kind:
        case "input" if phi is not None and shift.deviations is not None:
            what = "; ".join(map(str, explain(KINDS[phi.kind], shift.deviations)[:2]))
        case "event_rate":
            what = "how often inputs came changed"
        case "label_mix":
            what = "the mix of labels changed"
        case _:
            what = "how sure the model is changed"
    return f"{what} while it was commissioned"[:WORDS_CHARS]


def _of_input(phi: PhiKind, deviations: NDArray[np.float64]) -> dict[str, Any]:
    found = explain(phi, deviations)
    moved = [{"what": one.statistic, "word": one.word, "deviations": _number(one.deviations)} for one in found]
    return {"summary": "; ".join(map(str, found[:3])), "moved": moved}


def _of_rate(own: Values, now: Values, deviations: NDArray[np.float64]) -> dict[str, Any]:
    times = math.exp(float(now[0] - own.mean()))
    words = f"{times:.1f} times as often" if times >= 1 else f"only {100 * times:.0f} % as often"
    moved = {"what": "rate", "word": "inputs a second", "deviations": _number(float(deviations[0])), "times": times}
    return {"summary": f"inputs came {words}", "moved": [moved]}


def _of_labels(own: Values, now: Values, deviations: NDArray[np.float64]) -> dict[str, Any]:
    before, after = _shares(own.sum(axis=0)), _shares(now)
    moved = [
        {"what": _slot(slot), "slot": slot, "before": before[slot], "now": after[slot], "deviations": _number(off)}
        for slot, off in _farthest(deviations)
        if before[slot] != after[slot]
    ]
    words = [f"{one['what']} went from {one['before']:.0%} to {one['now']:.0%}" for one in moved[:2]]
    return {"summary": "the share of " + ", of ".join(words) if words else "the mix of labels changed", "moved": moved}


def _of_confidence(deviations: NDArray[np.float64]) -> dict[str, Any]:
    moved = [
        {"what": f"tenth_{group + 1}", "word": f"confidence of its tenth no. {group + 1}", "deviations": _number(off)}
        for group, off in _farthest(deviations)
    ]
    weights = np.maximum(deviations, 0)
    middle = float((weights * np.arange(len(weights))).sum() / max(float(weights.sum()), 1e-9))
    return {"summary": f"the model is {'surer' if middle > _MIDDLE else 'less sure'} than it was", "moved": moved}


def _farthest(deviations: NDArray[np.float64]) -> Sequence[tuple[int, float]]:
    order = np.argsort(-np.abs(deviations), kind="stable")[:_SHOWN].tolist()
    return [(place, float(deviations[place])) for place in order if deviations[place]]


def _slot(slot: int) -> str:
    """A label where only its place is known: the cloud may not have the bundle."""
    return "other answers" if slot == LabelCounts.OTHER else f"label no. {slot + 1} in alphabetical order"


def _shares(counts: Values) -> list[float]:
    shares: list[float] = (counts / max(int(counts.sum()), 1)).tolist()
    return shares


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
