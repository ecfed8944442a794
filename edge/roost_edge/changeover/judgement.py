"""Whether what is seen of a contestant on trial is fine, not fine, or not enough yet. Pure.

A few inputs prove little: 2 of 20 that came late are no proof that more than 5 % do. So what can happen to anybody by
chance is judged by an exact binomial test: it counts only if it is less likely than 1 % where nothing is wrong.
Whoever is compared with another is not blamed for what befalls both, such as a machine that was busy.

What shows nothing wrong, and cannot, is left to people: disagreement that nobody predicted is told and not judged.

>>> from roost_edge.changeover.evidence import Subject
>>> subject = Subject(name="a", contestant="a", bundle="b:1@sha256:0", beside=None, answers=True, limit_ns=1)
>>> seen = Evidence(subject)
>>> seen.scored = seen.timed = 20
>>> find_fault(seen, margin=0.05, crashes=2) is None
True
>>> seen.slow = 12
>>> find_fault(seen, margin=0.05, crashes=2).code
'install.slow'
"""

import math
from typing import Final

from roost_edge.changeover.evidence import Evidence
from roost_shared.clock import ns_to_ms
from roost_shared.messages import ErrorInfo

__all__ = ["SHADOW_CRASHES", "WATCH_CRASHES", "find_fault", "is_chance", "is_enough"]

SHADOW_CRASHES: Final = 2  # losses of its process while nobody depends on it
WATCH_CRASHES: Final = 3  # the same while it answers: a crash loop
_BY_CHANCE: Final = 0.01
_SLOW: Final = 0.05  # share of scores that may take longer than the limit
_FAULTY: Final = 0.01  # share of inputs that it may fail at
_LEAST_FAULTS: Final = 2
_LEAST_TIMED: Final = 10  # slow scores come in bursts, a cold process's first ones too: fewer may all be one burst
_NEGLIGIBLE: Final = 1e-9


def find_fault(seen: Evidence, *, margin: float, crashes: int) -> ErrorInfo | None:
    """What is wrong with a subject; None if nothing that shows.

    Args:
        seen: of it.
        margin: of disagreement, above what was predicted.
        crashes: losses of its process that are too many.
    """
    who = f"{seen.subject.contestant} ({seen.subject.bundle})"
    if seen.crashes >= crashes:
        return ErrorInfo("install.crashed", f"{who} lost its process {seen.crashes} times")
    faults = sum(seen.faults.values())
    if faults >= _LEAST_FAULTS and not is_chance(faults, seen.spoken, _FAULTY):
        code, _ = seen.faults.most_common(1)[0]
        return ErrorInfo("install.faulty", f"{who} failed at {faults} of {seen.spoken} inputs, mostly by {code}")
    if not seen.subject.answers:
        return None
    if seen.timed >= _LEAST_TIMED and not is_chance(seen.slow, seen.timed, max(_SLOW, _busy(seen))):
        limit_ms = ns_to_ms(seen.subject.limit_ns)
        return ErrorInfo("install.slow", f"{who} took longer than {limit_ms:g} ms for {seen.slow} of {seen.timed}")
    return _disagreement(seen, who, margin)


def _busy(seen: Evidence) -> float:
    """Share of the counterpart's scores that were slow as well; of few it is not said that none can be."""
    if not seen.counterpart_timed:
        return 0.0
    return (seen.counterpart_slow + 1) / (seen.counterpart_timed + 2)  # Laplace's rule of succession


def is_enough(seen: Evidence, inputs: int) -> bool:
    """Whether a subject has been seen at as many inputs as were asked for."""
    return seen.spoken >= inputs


def is_chance(count: int, of: int, share: float) -> bool:
    """Whether `count` or more of `of` are likely enough to turn up where a share of all is such: 1 % or likelier.

    The binomial distribution's tail, summed from its largest term on, so that a million inputs cost no more than a
    few hundred.

    >>> is_chance(3, 20, 0.05), is_chance(5, 20, 0.05), is_chance(1, 3, 0.0)
    (True, False, False)
    """
    if count <= of * share:
        return True
    if share <= 0:
        return False
    log_term = _log_choose(of, count) + count * math.log(share) + (of - count) * math.log1p(-share)
    term = tail = math.exp(log_term)
    odds = share / (1 - share)
    for already in range(count, of):  # each term is smaller than the one before: they lie beyond the mean
        term *= (of - already) / (already + 1) * odds
        tail += term
        if term < tail * _NEGLIGIBLE:
            break
    return tail > _BY_CHANCE


def _disagreement(seen: Evidence, who: str, margin: float) -> ErrorInfo | None:
    predicted = seen.subject.predicted
    if predicted is None:
        return None
    if is_chance(seen.differing, seen.compared, min(1.0, predicted + margin)):
        return None
    said = f"said something else of {seen.differing} of {seen.compared} inputs"
    return ErrorInfo("install.disagreement", f"{who} {said}; predicted: {predicted:g}, and up to {margin:g} more")


def _log_choose(of: int, count: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(count + 1) - math.lgamma(of - count + 1)
