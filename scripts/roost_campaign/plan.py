"""Which step comes next: pure, by what was done.

First each scenario has a step, the quick ones before the others; then whoever is furthest behind its share of the
time. A step that would not end in what is left of the time is not begun. What is over at once, as it breaks or cannot
be had on this machine, counts as if it had taken a while: else nothing but that would be done from there on.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from scripts.roost_campaign.journal import Done

__all__ = ["Terms", "next_scenario", "step_number"]


_LEAST_S: Final = 5.0  # that a step counts


class Terms(NamedTuple):
    """What the plan must know of a scenario.

    Attributes:
        share: of the time.
        typical_s: that a step takes, in seconds, as long as none was done.
    """

    share: float
    typical_s: float


def next_scenario(done: Sequence[Done], terms: Mapping[str, Terms], left_s: float) -> str | None:
    """Whose step comes next; None if there is time for none.

    >>> terms = {"quick": Terms(1, 5), "slow": Terms(3, 60)}
    >>> next_scenario([], terms, 600)
    'quick'
    >>> from scripts.roost_campaign.outcome import Outcome
    >>> first = Done("quick", 0, 5.0, Outcome())
    >>> next_scenario([first], terms, 595), next_scenario([first], terms, 30), next_scenario([first], terms, 3)
    ('slow', 'quick', None)
    """
    spent = {name: [one.seconds for one in done if one.scenario == name] for name in terms}
    expected = {name: max(spent[name], default=one.typical_s) for name, one in terms.items()}
    fitting = [name for name in terms if expected[name] <= left_s]

    def urgency(name: str) -> tuple[bool, float, float]:
        counted_s = sum(max(one, _LEAST_S) for one in spent[name])
        return bool(spent[name]), counted_s / terms[name].share, expected[name]

    return min(fitting, key=urgency, default=None)


def step_number(done: Sequence[Done], scenario: str) -> int:
    """Of a scenario's next step."""
    return sum(one.scenario == scenario for one in done)
