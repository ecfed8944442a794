"""What the devices count of agreement: how often each model said what the answer said. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

__all__ = ["Agreement", "agreement_line", "shares_process", "total"]

Agreement = Mapping[str, Mapping[str, int]]  # contestant -> `compared`, `agreeing`

_JUDGED: Final = ("shadow", "baseline")  # those that never answer, the most interesting first


def total(agreements: Iterable[Agreement]) -> dict[str, dict[str, int]]:
    """The sum over devices.

    >>> total([{"shadow": {"compared": 3, "agreeing": 2}}, {"shadow": {"compared": 1, "agreeing": 1}}])
    {'shadow': {'compared': 4, 'agreeing': 3}}
    """
    sums: dict[str, dict[str, int]] = {}
    for agreement in agreements:
        for contestant, counts in agreement.items():
            sums.setdefault(contestant, {"compared": 0, "agreeing": 0})
            for kind in sums[contestant]:
                sums[contestant][kind] += counts[kind]
    return sums


def agreement_line(agreement: Agreement) -> str:
    """One line on the models that never answer.

    >>> agreement_line({"shadow": {"compared": 4, "agreeing": 3}, "backup": {"compared": 4, "agreeing": 4}})
    'agreement with the answers: shadow 75.0% of 4'
    """
    said = [
        f"{name} {agreement[name]['agreeing'] / agreement[name]['compared']:.1%} of {agreement[name]['compared']}"
        for name in _JUDGED
        if name in agreement
    ]
    return f"agreement with the answers: {', '.join(said) or 'none counted'}"


def shares_process(contestants: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the shadow runs in the primary's process, by what `roost-agent status` says of a task's contestants."""
    shadow = contestants.get("shadow", {}).get("pid")
    return shadow is not None and shadow == contestants["primary"]["pid"]
