"""What asking the cloud was worth: how often the answers are right, and how many were found on the device."""

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.roost_demo.contestants import Contestant
from scripts.roost_demo.outcomes import Outcome, summarise

__all__ = ["escalation_line", "measure_escalation"]


def measure_escalation(together: Sequence[Outcome], contestants: Sequence[Contestant]) -> dict[str, Any] | None:
    """Accuracy and share of answers found on the device, three ways; None if the cloud took no part.

    Args:
        together: what became of pictures while the devices were well and the cloud could be asked. What the devices
            would have said alone is the primary's word on the same pictures.
        contestants: who took part; the cloud's own accuracy is the one its bundle states.
    """
    cloud = next((one for one in contestants if one.where == "cloud"), None)
    if cloud is None:
        return None
    both = summarise(together)
    alone = [_said(one, "primary") == one.picture.label for one in together if one.answer is not None]
    from_cloud = both["by_contestant"].get(cloud.name, 0)
    return {
        "edge_only": {"accuracy": _mean(alone), "kept_at_edge": 1.0},
        "cloud_only": {"accuracy": cloud.accuracy, "kept_at_edge": 0.0},
        "together": {
            "accuracy": both["accuracy"],
            "kept_at_edge": _mean([True] * (len(alone) - from_cloud), len(alone)),
        },
    }


def escalation_line(escalation: Mapping[str, Any]) -> str:
    """The same in a sentence."""
    alone, cloud, both = (escalation[name] for name in ("edge_only", "cloud_only", "together"))
    return (
        f"Right: {_share(alone['accuracy'])} by the devices alone, {_share(cloud['accuracy'])} by the cloud alone, "
        f"{_share(both['accuracy'])} together, with {_share(both['kept_at_edge'])} answered on the device."
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _said(outcome: Outcome, contestant: str) -> str | None:
    """The label of one contestant, whoever answered; the answer's if it said nothing."""
    if outcome.answer is None:
        return None
    said = (one.label for one in outcome.answer.candidates if one.contestant == contestant and one.error is None)
    return next(said, outcome.answer.label)


def _mean(hits: Sequence[bool], of: int | None = None) -> float | None:
    count = len(hits) if of is None else of
    return round(sum(hits) / count, 4) if count else None
