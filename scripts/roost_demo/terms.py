"""What the demo's devices are assigned: who takes part, who may answer when, and how a newcomer proves itself."""

from collections.abc import Sequence
from typing import Any, Final

from roost_shared.bundle import Bundle
from scripts.roost_demo.contestants import Contestant

__all__ = ["BAR", "CLOUD_BAR", "MARGIN", "assignment", "reference"]

BAR: Final = 0.95  # confidence at which the primary answers at once
CLOUD_BAR: Final = 0.9  # the same of the cloud; where neither is that sure, the primary has the better right
# Share of the deadline at which a rule opens, whom it accepts, and how sure that one must be.
_RULES: Final = (
    (0.0, "primary", BAR),
    (0.0, "cloud", CLOUD_BAR),
    (0.25, "primary", 0.5),
    (0.25, "backup", 0.5),
    (0.5, "primary", None),
    (0.7, "backup", None),
)
MARGIN: Final = 0.25  # of disagreement above what is predicted: few labels, as here, predict it badly
# Days, elsewhere.
_TRIAL: Final = {"shadow_inputs": 20, "shadow_s": 20, "watch_inputs": 40, "watch_s": 20, "margin": MARGIN}


def reference(bundle: Bundle) -> str:
    """`NAME:VERSION`."""
    return f"{bundle.config.name}:{bundle.config.version}"


def assignment(
    task: str, deadline_ms: int, contestants: Sequence[Contestant], *, primary: Bundle, score_ms: float
) -> dict[str, Any]:
    """The document of an assignment.

    Args:
        task: the task.
        deadline_ms: its deadline.
        contestants: who takes part; those of the cloud by name alone.
        primary: what the primary runs.
        score_ms: how long a newcomer's scores may take.
    """
    names = {one.name for one in contestants}
    rules = [
        {"after_ms": round(share * deadline_ms), "accept": accept}
        | ({} if min_confidence is None else {"min_confidence": min_confidence})
        for share, accept, min_confidence in _RULES
        if accept in names
    ]
    terms = {"deadline_ms": deadline_ms, "default": "unknown", "rules": rules}
    return {
        "tasks": {
            task: {
                **terms,
                "contestants": [_written(one, primary) for one in contestants],
                "trial": {**_TRIAL, "p95_ms": score_ms},
            }
        }
    }


def _written(contestant: Contestant, primary: Bundle) -> dict[str, str]:
    if contestant.where == "cloud":
        return {"name": contestant.name, "where": "cloud"}
    bundle = primary if contestant.name == "primary" else contestant.bundle
    return {"name": contestant.name, "role": contestant.role, "bundle": reference(bundle)}
