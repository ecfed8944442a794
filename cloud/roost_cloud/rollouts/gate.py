"""Whether a candidate is fit to answer, by what it did beside the incumbent on live inputs. Pure.

That two disagree shows neither to be better: where the world has changed, a good candidate must disagree. So three
things are asked (DESIGN.md, section 11):

1. safety: does it crash, say what is no score, or take too long? Nothing is concluded while the shadow has not scored
   enough of the inputs: those that were shed were not shed at random;
2. surprise: does it disagree more than its bundle predicts?
3. quality: it is let on when it is proven to disagree so rarely that it can do no harm, or when labels, asked for
   where the two disagree and nowhere else, prove that it wins more often than it loses. If it is proven to lose, it is
   stopped. Otherwise the gate waits.

Every test may be looked at at any moment (`e_process`). Devices differ, so each has tests of its own, and the mean of
their e-values decides; a plan may name cohorts of devices that are judged together as well. Labels by teachers may
stop a candidate, and never let it on.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from roost_cloud.rollouts.e_process import is_tripped, log_e_above, log_e_below
from roost_cloud.rollouts.plan import GateSettings
from roost_cloud.rollouts.states import Finding, Verdict

__all__ = ["Seen", "judge"]


# Each test may err: together they shall not err more often than was asked for.
_TRIPS: Final = 5  # tests that can stop a candidate
_PASSES: Final = 2  # tests that can let it on


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a device saw of a candidate, since the stage began there.

    Attributes:
        device: its name.
        cohort: of which devices it is one; None: of those of which nothing is said.
        inputs: requests that were answered.
        scored: of them, that the candidate scored.
        faulty: at which it crashed, or said what is no score.
        slow: scores that took longer than there was time.
        compared: requests that candidate and incumbent both scored.
        differing: of them, on which they disagreed.
        wins: disagreements on which a person found the candidate right and the incumbent wrong.
        losses: the other way round.
        teacher_wins: the same, by teachers.
        teacher_losses: the same, by teachers.
    """

    device: str
    cohort: str | None = None
    inputs: int = 0
    scored: int = 0
    faulty: int = 0
    slow: int = 0
    compared: int = 0
    differing: int = 0
    wins: int = 0
    losses: int = 0
    teacher_wins: int = 0
    teacher_losses: int = 0


class _Part(NamedTuple):
    """What one of the three has found."""

    verdict: Verdict
    says: str


def judge(settings: GateSettings, devices: Sequence[Seen], *, predicted: float | None) -> Finding:
    """What the gate makes of a candidate.

    Args:
        settings: as its rollout's plan has them.
        devices: what each of its devices saw.
        predicted: share of inputs on which it is expected to disagree; None: nobody said.
    """
    expected = settings.predicted if predicted is None else predicted
    parts = [_safety(settings, devices), _surprise(settings, devices, expected), _quality(settings, devices)]
    verdicts = {part.verdict for part in parts}
    verdict: Verdict = "trip" if "trip" in verdicts else "wait" if "wait" in verdicts else "pass"
    return Finding(verdict=verdict, says=tuple(part.says for part in parts if part.verdict == verdict))


def _safety(settings: GateSettings, devices: Sequence[Seen]) -> _Part:
    scored = sum(one.scored for one in devices)
    faulty, slow = sum(one.faulty for one in devices), sum(one.slow for one in devices)
    spoken = scored + faulty
    if _exceeds(settings, devices, lambda one: (one.faulty, one.scored + one.faulty), settings.crash_rate):
        return _Part("trip", f"it crashed or said what is no score at {faulty} of {spoken} inputs")
    if _exceeds(settings, devices, lambda one: (one.slow, one.scored), settings.slow_share):
        return _Part("trip", f"{slow} of its {scored} scores took longer than there was time")
    inputs = sum(one.inputs for one in devices)
    if not inputs:
        return _Part("wait", "no input has come yet: devices tell of them in windows, by [tasks.NAME.monitor]")
    if spoken < settings.coverage * inputs:
        return _Part(
            "wait",
            f"it scored {spoken / inputs:.0%} of {inputs} inputs, less than {settings.coverage:.0%}: nothing is "
            "concluded, as those that were left out are not like the rest",
        )
    if spoken < settings.inputs:
        return _Part("wait", f"it scored {spoken} of at least {settings.inputs} inputs")
    return _Part("pass", f"it works: {faulty} faults and {slow} late among {spoken} inputs")


def _surprise(settings: GateSettings, devices: Sequence[Seen], expected: float | None) -> _Part:
    compared, differing = sum(one.compared for one in devices), sum(one.differing for one in devices)
    said = f"it disagrees on {differing} of {compared} inputs"
    if expected is None:
        return _Part("pass", f"{said}; nobody predicted how many")
    bound = min(expected + settings.margin, 1 - 1e-6)
    if _exceeds(settings, devices, lambda one: (one.differing, one.compared), bound):
        return _Part(
            "trip", f"{said}, more than the {expected:.1%} that its bundle predicts and {settings.margin:.1%}"
        )
    return _Part("pass", f"{said}, {expected:.1%} were predicted")


def _quality(settings: GateSettings, devices: Sequence[Seen]) -> _Part:
    wins, losses = sum(one.wins for one in devices), sum(one.losses for one in devices)
    ruled = (wins + sum(one.teacher_wins for one in devices), losses + sum(one.teacher_losses for one in devices))
    worse = max(log_e_below(ruled[0], sum(ruled), 0.5), log_e_below(wins, wins + losses, 0.5))
    if _is_proven(worse, settings.trip_alpha / _TRIPS):
        return _Part("trip", f"where the two disagree it is worse: {ruled[0]} won, {ruled[1]} lost")
    if _is_proven(log_e_above(wins, wins + losses, 0.5), settings.pass_alpha / _PASSES):
        return _Part("pass", f"where the two disagree it is better: {wins} won, {losses} lost")
    if _is_harmless(settings, devices):
        return _Part("pass", f"it disagrees on less than {settings.epsilon:.1%} of inputs on every device")
    return _Part(
        "wait",
        f"{wins} won and {losses} lost of the disagreements that people have labelled: neither better nor worse is "
        "proven",
    )


def _is_harmless(settings: GateSettings, devices: Sequence[Seen]) -> bool:
    """Whether disagreement is proven to be at most ε, on each device by itself: a mean would hide one that differs."""
    if not devices:
        return False
    counts = (_thin(one.differing, one.compared, settings.thin, upwards=True) for one in devices)
    return all(
        _is_proven(log_e_below(hits, of, settings.epsilon), settings.pass_alpha / _PASSES) for hits, of in counts
    )


def _exceeds(
    settings: GateSettings,
    devices: Sequence[Seen],
    counts: Callable[[Seen], tuple[int, int]],
    bound: float,
) -> bool:
    """Whether a share that must not exceed a bound is proven to, of all devices, a cohort's, or one by itself."""
    cohorts: dict[str | None, list[float]] = {}
    for one in devices:
        value = log_e_above(*_thin(*counts(one), settings.thin), bound)
        cohorts.setdefault(one.cohort, []).append(value)
    alpha = settings.trip_alpha / _TRIPS
    if len(cohorts) < 2:  # noqa: PLR2004 - a single one is all of them
        return any(is_tripped(values, alpha) for values in cohorts.values())
    # Half of the chance to err is that of all together, the other half is shared among the cohorts.
    together = [value for values in cohorts.values() for value in values]
    each = alpha / 2 / len(cohorts)
    return is_tripped(together, alpha / 2) or any(is_tripped(values, each) for values in cohorts.values())


def _thin(hits: int, of: int, thin: int, *, upwards: bool = False) -> tuple[int, int]:
    """Counts as if one input of `thin` had been looked at; rounded in favour of the hypothesis that is tested."""
    seen = of // thin if upwards else math.ceil(of / thin)
    some = math.ceil(hits / thin) if upwards else hits // thin
    return min(some, seen), seen


def _is_proven(log_e: float, alpha: float) -> bool:
    return log_e >= -math.log(alpha)
