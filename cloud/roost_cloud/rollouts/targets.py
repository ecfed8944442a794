"""What a rollout makes of a device's assignment: the candidate beside a contestant, in its place, or gone again. Pure.

Whatever else is assigned stays as it is, by the very version that runs now: an alias that has moved since is not
followed, or a rollout of one bundle would bring another with it.

>>> tasks = {"meter": {"contestants": [{"name": "primary", "bundle": "meter:7"}]}}
>>> with_target({"tasks": tasks}, "meter", "primary", target="shadow", candidate="meter:8", before="meter:7")
... # doctest: +NORMALIZE_WHITESPACE
{'tasks': {'meter': {'contestants': [{'name': 'primary', 'bundle': 'meter:7'},
                                     {'name': 'primary.candidate', 'bundle': 'meter:8', 'role': 'shadow'}]}}}
>>> carries({"tasks": tasks}, "meter", "primary", candidate="meter:8", before="meter:7")
'previous'
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from roost_cloud.rollouts.states import Carries, Target
from roost_shared.assignment import Assignment

__all__ = ["bundle_of", "carries", "pinned", "shadow_name", "with_target"]

_SUFFIX: Final = ".candidate"
_NAME_CHARACTERS: Final = 63
# Of a contestant: what says how it runs, and not what it is or whom it asks.
_HOW_IT_RUNS: Final = ("threads", "runtime", "delegate", "delegate_options")


def shadow_name(contestant: str) -> str:
    """What the candidate is called while it scores beside a contestant."""
    return contestant[: _NAME_CHARACTERS - len(_SUFFIX)] + _SUFFIX


def pinned(document: Mapping[str, Any], assignment: Assignment) -> dict[str, Any]:
    """A document with every alias replaced by what it stood for when the assignment was made of it.

    Args:
        document: as it was written; it is left as it is.
        assignment: that it came to.
    """
    copy = deepcopy(dict(document))
    for name, task in copy.get("tasks", {}).items():
        made = {one.name: one.bundle for one in assignment.tasks[name].contestants}
        for contestant in task["contestants"]:
            pin = made.get(contestant["name"])
            if pin is not None:
                contestant["bundle"] = f"{pin.name}:{pin.version}"
    return copy


def bundle_of(document: Mapping[str, Any], task: str, contestant: str) -> str | None:
    """The bundle of a contestant in a pinned document; None: it has no such contestant, or one without a bundle."""
    for one in document.get("tasks", {}).get(task, {}).get("contestants", ()):
        if one["name"] == contestant:
            bundle = one.get("bundle")
            return bundle if isinstance(bundle, str) else None
    return None


def carries(document: Mapping[str, Any], task: str, contestant: str, *, candidate: str, before: str) -> Carries:
    """What a pinned document has in a contestant's place.

    Args:
        document: it.
        task: the contestant's.
        contestant: its name.
        candidate: `NAME:VERSION` of the rollout's bundle.
        before: the same of what was there when the rollout reached the device.
    """
    here = bundle_of(document, task, contestant)
    beside = bundle_of(document, task, shadow_name(contestant))
    if here == candidate and beside is None:
        return "active"
    if here != before or beside not in (None, candidate):
        return "other"
    return "previous" if beside is None else "shadow"


def with_target(
    document: Mapping[str, Any], task: str, contestant: str, *, target: Target, candidate: str, before: str
) -> dict[str, Any]:
    """A pinned document with the candidate where a target has it; otherwise as `carries`.

    Raises:
        KeyError: it has no such task.
    """
    copy = deepcopy(dict(document))
    of_task = copy["tasks"][task]
    others = [one for one in of_task["contestants"] if one["name"] != shadow_name(contestant)]
    for one in others:
        if one["name"] == contestant:
            one["bundle"] = candidate if target == "active" else before
            if target == "shadow":
                how = {key: one[key] for key in _HOW_IT_RUNS if key in one}
                shadow = {"name": shadow_name(contestant), "bundle": candidate, "role": "shadow", **how}
                others.append(shadow)
                break
    of_task["contestants"] = others
    return copy
