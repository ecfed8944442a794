"""When a newcomer saw what: from the lines a command printed, each with its moment. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

__all__ = ["DEMO", "TESTS", "milestones", "went_well"]

# What is first printed when it is reached, in order.
DEMO: Final[Mapping[str, str]] = {
    "set up": r"Building the models of ",
    "models made": r"Starting the cloud",
    "first answer": r"  cam-\d+ .* in time$",
    "whole loop": r"Its rollout finished ",
}
TESTS: Final[Mapping[str, str]] = {"first test": r"=+ test session starts =+", "tests ended": r"=+ .*\d+ passed.* =+$"}


def milestones(lines: Iterable[tuple[float, str]], patterns: Mapping[str, str]) -> dict[str, float]:
    """Seconds to the first line that begins as each pattern says; without those that no line reached.

    >>> milestones([(0.5, "Setting up"), (8.0, "Building the models of 'digits'…")], DEMO)
    {'set up': 8.0}
    """
    reached: dict[str, float] = {}
    for moment_s, line in lines:
        for name, pattern in patterns.items():
            if name not in reached and re.match(pattern, line):
                reached[name] = moment_s
    return reached


def went_well(status: int, reached: Mapping[str, float], needed: Collection[str]) -> bool:
    """Whether a command ended well, and what it needs was seen: one whose words have changed proves nothing.

    >>> went_well(0, {"set up": 8.0}, DEMO), went_well(0, dict.fromkeys(DEMO, 8.0), DEMO)
    (False, True)
    """
    return status == 0 and reached.keys() >= set(needed)
