"""How right the answers were before the world changed, after it had, and after the rollout. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Literal

from scripts.roost_demo.outcomes import Outcome

__all__ = ["Phase", "accuracies", "recovery_line"]

Phase = Literal["before", "drifted", "after"]
_PHASES: Final[tuple[Phase, ...]] = ("before", "drifted", "after")


def accuracies(
    outcomes: Iterable[Outcome], phases: dict[int, Phase], devices: Collection[str], learnt: Collection[int]
) -> dict[Phase, float | None]:
    """The share of right answers in each phase; None where there were none.

    Args:
        outcomes: of pictures.
        phases: of acts, by number; others are of none.
        devices: whose answers count.
        learnt: numbers of pictures that somebody labelled; they do not count, as to know those again is no art.
    """
    right: dict[Phase, list[bool]] = {phase: [] for phase in _PHASES}
    for one in outcomes:
        phase = phases.get(one.act)
        if phase is None or one.device not in devices or one.answer is None:
            continue
        if one.picture.number not in learnt:
            right[phase].append(one.is_right)
    return {phase: round(sum(hits) / len(hits), 4) if hits else None for phase, hits in right.items()}


def recovery_line(accuracy: Mapping[str, float | None], devices: Collection[str]) -> str:
    """The same in a sentence.

    >>> recovery_line({"before": 0.95, "drifted": 0.7, "after": None}, ["cam-02"])
    'Right on cam-02: 95.0% before its lens got dirty, 70.0% then, - with the refined head.'
    """
    before, drifted, after = ("-" if (share := accuracy[phase]) is None else f"{share:.1%}" for phase in _PHASES)
    whose = "its lens" if len(devices) == 1 else "their lenses"
    return (
        f"Right on {' and '.join(devices)}: {before} before {whose} got dirty, {drifted} then, {after} with the "
        "refined head."
    )
