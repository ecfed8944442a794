"""Which of a task's contestants are judged: the primary, which answers, and the baseline, which never changes. Pure.

>>> from roost_shared.rendezvous import Contestant
>>> old, big = Contestant(name="old", role="baseline"), Contestant(name="big", where="cloud")
>>> small = Contestant(name="small")
>>> judged_of([old, big, small], ())
Judged(primary='small', baseline='old')
>>> judged_of(None, ["spare", "primary"])
Judged(primary='primary', baseline=None)
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from roost_shared.rendezvous import Contestant

__all__ = ["Judged", "judged_of"]


class Judged(NamedTuple):
    """Names of contestants; None where a task has none."""

    primary: str | None
    baseline: str | None


def judged_of(contestants: Sequence[Contestant] | None, seen: Collection[str]) -> Judged:
    """Whom to judge.

    Args:
        contestants: as the task's policy has them, in order; None if it is not known.
        seen: that windows came of.
    """
    if contestants is None:
        primary = "primary" if "primary" in seen else min((one for one in seen if one != "baseline"), default=None)
        return Judged(primary, "baseline" if "baseline" in seen else None)
    answering = [one for one in contestants if one.role == "answer"]
    ordered = [one.name for one in answering if one.where == "local"] + [one.name for one in answering]
    baselines = [one.name for one in contestants if one.role == "baseline"]
    return Judged(next(iter(ordered), None), next(iter(baselines), None))
