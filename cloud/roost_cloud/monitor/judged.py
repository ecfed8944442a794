"""Which of a task's contestants are judged: those that answer, and the baseline, which never changes. Pure.

The first that answers on the device is the primary: by its φ inputs are judged, once. What each of the others says,
and how surely, is judged too: any of them may be who answers. Shadows are not: nobody acts on what they say.

>>> from roost_shared.rendezvous import Contestant
>>> old, big = Contestant(name="old", role="baseline"), Contestant(name="big", where="cloud")
>>> small = Contestant(name="small")
>>> judged_of([old, big, small], ())
Judged(primary='small', baseline='old', answering=('small', 'big'))
>>> judged_of(None, ["spare", "primary"])
Judged(primary='primary', baseline=None, answering=('primary',))
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from roost_shared.rendezvous import Contestant

__all__ = ["Judged", "judged_of"]


class Judged(NamedTuple):
    """Names of contestants; None where a task has none.

    Attributes:
        primary: answers first, and its φ is what inputs are judged by.
        baseline: tells a model that drifts from inputs that do; it raises no alarm.
        answering: all that answer, the primary first.
    """

    primary: str | None
    baseline: str | None
    answering: tuple[str, ...] = ()


def judged_of(contestants: Sequence[Contestant] | None, seen: Collection[str]) -> Judged:
    """Whom to judge.

    Args:
        contestants: as the task's policy has them, in order; None if it is not known.
        seen: that windows came of.
    """
    if contestants is None:
        primary = "primary" if "primary" in seen else min((one for one in seen if one != "baseline"), default=None)
        known = () if primary is None else (primary,)  # of the others nobody knows whether they answer
        return Judged(primary, "baseline" if "baseline" in seen else None, known)
    answering = [one for one in contestants if one.role == "answer"]
    ordered = tuple(one.name for one in sorted(answering, key=lambda one: one.where != "local"))
    baselines = [one.name for one in contestants if one.role == "baseline"]
    return Judged(next(iter(ordered), None), next(iter(baselines), None), ordered)
