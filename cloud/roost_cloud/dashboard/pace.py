"""Rollouts that are often wanted: how fast a bundle goes over the fleet. Pure.

>>> plan = plan_of(task="meter", contestant="primary", bundle="meter:8", pace=PACES["careful"])
>>> [stage["name"] for stage in plan["stages"]]
['shadow', 'few', 'quarter', 'all']
"""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from roost_cloud.dashboard.words import count_of, share_of, span_of

__all__ = ["PACES", "Pace", "in_words", "plan_of", "written"]


class Pace(NamedTuple):
    """A way over the fleet.

    Attributes:
        says: what it is, for people.
        stages: as a plan has them.
    """

    says: str
    stages: tuple[Mapping[str, Any], ...]


_SHADOW: Final = {"name": "shadow", "mode": "shadow", "share": 0.05}
_ALL: Final = {"name": "all", "mode": "active", "share": 1.0}
PACES: Final = {
    "careful": Pace(
        "Careful: 5 % in shadow, 5 % and 25 % active, all when a person says so",
        (
            _SHADOW,
            {"name": "few", "mode": "active", "share": 0.05, "hold_s": 3600},
            {"name": "quarter", "mode": "active", "share": 0.25, "hold_s": 3600},
            _ALL | {"approval": True},
        ),
    ),
    "brisk": Pace(
        "Brisk: 5 % in shadow, 20 % active, then all",
        (_SHADOW, {"name": "fifth", "mode": "active", "share": 0.2}, _ALL),
    ),
    "at_once": Pace("All at once, for fleets that are not in use", (_ALL,)),
}


def plan_of(*, task: str, contestant: str, bundle: str, pace: Pace) -> dict[str, Any]:
    """A plan, as people write it."""
    stages = [dict(stage) for stage in pace.stages]
    return {"task": task, "contestant": contestant, "bundle": bundle, "stages": stages}


def in_words(pace: Pace, devices: int) -> list[str]:
    """Stages for people, with how many of a fleet's devices each reaches; about, as a hash says which.

    >>> in_words(PACES["brisk"], 120)[1]
    'fifth: on 20 % of the fleet, about 24 of 120 devices, it answers'
    """
    return [_stage(stage, devices) for stage in pace.stages]


def _stage(stage: Mapping[str, Any], devices: int) -> str:
    share = stage["share"]
    reached = f"the whole fleet, {count_of(devices)} devices"
    if share < 1:
        about = count_of(max(round(share * devices), min(devices, 1)))
        reached = f"{share_of(share)} of the fleet, about {about} of {count_of(devices)} devices"
    does = "scores beside what answers, and never answers" if stage["mode"] == "shadow" else "answers"
    says = f"{stage['name']}: on {reached}, it {does}"
    if "hold_s" in stage:
        says += f", for {span_of(stage['hold_s'])} at least"
    return f"{says}, once a person approves" if stage.get("approval") else says


def written(plan: Mapping[str, Any]) -> str:
    """A plan as TOML, as `roost rollout start` takes it.

    >>> print(written({"task": "meter", "stages": [{"name": "all", "share": 1.0, "approval": True}]}))
    task = "meter"
    [[stages]]
    name = "all"
    share = 1.0
    approval = true
    """
    lines = [_line(key, value) for key, value in plan.items() if key != "stages"]
    for stage in plan["stages"]:
        lines += ["[[stages]]", *(_line(key, value) for key, value in stage.items())]
    return "\n".join(lines)


def _line(key: str, value: object) -> str:
    return f"{key} = {json.dumps(value, ensure_ascii=False)}"  # of text, numbers and booleans TOML says the same
