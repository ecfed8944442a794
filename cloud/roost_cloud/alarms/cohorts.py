"""Alarms of several devices that belong together: of one task and kind, at one time, in one cohort. Pure.

Two belong together if their devices share a label that not every device of the fleet has, and what they tell of began
within some hours. So a rack whose lamp fails is one finding, and two cameras with nothing in common are two. Of the
labels that would do, the one that joins most is taken; then the one that fewest others have. What most of a fleet has
at one time is one finding, too.

>>> from datetime import UTC
>>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
>>> found = [Finding(name, name, "meter", "input", noon) for name in ("a", "b", "c")]
>>> labels = {"a": {"hall": "1"}, "b": {"hall": "1"}, "c": {"hall": "2"}}
>>> [(cohort.label, [one.device for one in cohort.findings]) for cohort in together(found, labels)]
[(('hall', '1'), ['a', 'b']), (None, ['c'])]
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

__all__ = ["APART", "Cohort", "Finding", "Label", "together"]

Label = tuple[str, str]
APART: Final = timedelta(hours=6)  # that one may begin after another


class Finding(NamedTuple):
    """An alarm, as far as this goes."""

    alarm: str
    device: str
    task: str
    kind: str
    since: datetime


class Cohort(NamedTuple):
    """Findings that belong together.

    Attributes:
        label: that their devices share; None: it is one finding alone.
        findings: the earliest first.
    """

    label: Label | None
    findings: list[Finding]


def together(findings: Sequence[Finding], labels: Mapping[str, Mapping[str, str]]) -> list[Cohort]:
    """Put findings together, the earliest first.

    Args:
        findings: alarms that are not resolved.
        labels: of every device of the fleet, or of those that have findings at least.
    """
    alike: defaultdict[tuple[str, str], list[Finding]] = defaultdict(list)
    for one in sorted(findings, key=lambda one: (one.since, one.device, one.alarm)):
        alike[one.task, one.kind].append(one)
    common = Counter(label for its in labels.values() for label in its.items())
    cohorts = [cohort for its in alike.values() for run in _runs(its) for cohort in _cohorts(run, labels, common)]
    return sorted(cohorts, key=lambda cohort: (cohort.findings[0].since, cohort.findings[0].alarm))


def _runs(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Findings in order of time, cut where one began long after the one before."""
    runs: list[list[Finding]] = []
    for one in findings:
        if runs and one.since - runs[-1][-1].since <= APART:
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs


def _cohorts(
    run: Sequence[Finding], labels: Mapping[str, Mapping[str, str]], common: Mapping[Label, int]
) -> list[Cohort]:
    left, found = list(run), list[Cohort]()
    while True:
        joined = Counter(label for one in left for label in labels.get(one.device, {}).items())
        telling = [label for label, count in joined.items() if count > 1 and common[label] < len(labels)]
        if not telling:
            is_everywhere = len(left) > 1 and 2 * len(left) > len(labels)
            return found + ([Cohort(None, left)] if is_everywhere else [Cohort(None, [one]) for one in left])
        best = min(telling, key=lambda label: (-joined[label], common[label], label))
        members = [one for one in left if labels.get(one.device, {}).get(best[0]) == best[1]]
        found.append(Cohort(best, members))
        left = [one for one in left if one not in members]
