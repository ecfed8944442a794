"""From what was measured to a verdict. Pure: the same figures give the same verdict."""

from collections.abc import Sequence
from typing import Literal

from roost_cloud.gate.bars import matching_bar, share_reaching
from roost_cloud.gate.checks import (
    check_better,
    check_golden,
    check_labels,
    check_latency,
    check_outputs,
    check_parent,
    check_reference,
    check_twin,
)
from roost_cloud.gate.confusion import confusion
from roost_cloud.gate.figures import Measured, Outcome, Pair
from roost_cloud.gate.job import Bar, GateJob
from roost_cloud.gate.paired import paired
from roost_cloud.gate.settings import GateSettings
from roost_cloud.gate.verdict import NewBar, Predicted, Reason, Verdict

__all__ = ["judge", "no_bundle"]


def judge(pair: Pair, measured: Measured, job: GateJob, *, snapshot: str, split: Literal["device", "time"]) -> Verdict:
    """Judge a candidate.

    Args:
        pair: what the two say of themselves.
        measured: what they made of the test part.
        job: how strictly.
        snapshot: digest of the snapshot whose test part that is.
        split: as the snapshot says it.
    """
    settings = job.settings
    new = [one for one in measured.outcomes if one.world == "new"]
    old = [one for one in measured.outcomes if one.world == "old"]
    bars_reason, bars = _check_bars(job.bars, new, old, settings)
    disagreement = Predicted(_disagreement(new), _disagreement(old))
    reasons = (
        check_parent(pair),
        check_labels(pair),
        check_golden(pair, measured),
        check_outputs(measured),
        check_better(paired(new), settings, split),
        check_reference(paired(old), settings),
        check_twin(measured.outcomes, settings),
        check_latency(measured.timing, settings),
        bars_reason,
        _tell_disagreement(disagreement),
    )
    return Verdict(
        passed=all(reason.passed for reason in reasons),
        snapshot=snapshot,
        incumbent=pair.incumbent_digest,
        inputs=(len(new), len(old)),
        reasons=reasons,
        bars=bars,
        disagreement=disagreement,
        confused=confusion(measured.outcomes),
    )


def no_bundle(snapshot: str, incumbent: str, problem: str) -> Verdict:
    """The verdict on a candidate that cannot even be run."""
    reason = Reason(check="bundle", passed=False, sentence=f"it cannot be run: {problem}")
    return Verdict(passed=False, snapshot=snapshot, incumbent=incumbent, reasons=(reason,))


def _check_bars(
    bars: Sequence[Bar], new: Sequence[Outcome], old: Sequence[Outcome], settings: GateSettings
) -> tuple[Reason, tuple[NewBar, ...]]:
    """Each rule's bar is reached by as many inputs as it was, where nothing changed; or is set anew."""
    judged, where = (old, "of the reference data") if old else (new, "where the world changed")
    if not bars or not judged:
        what = "no rule asks for a confidence" if not bars else "there was no input"
        return Reason(check="bars", passed=True, bound=settings.bar_shift, sentence=f"not compared: {what}"), ()
    weights = [one.weight for one in judged]
    before = [one.incumbent_confidence for one in judged]
    after = [one.candidate_confidence for one in judged]
    largest, told, changed, hopeless = 0.0, [], [], False
    for bar in sorted(set(bars)):
        was, is_now = (share_reaching(some, weights, bar.min_confidence) for some in (before, after))
        largest = max(largest, abs(is_now - was))
        text = f"{bar.contestant}'s bar {_bar_text(bar.min_confidence)}"
        reached = f"{100 * is_now:.1f} % {where} reach it, with the incumbent {100 * was:.1f} %"
        if abs(is_now - was) > settings.bar_shift:
            anew = matching_bar(after, weights, was, old=bar.min_confidence, within=settings.bar_shift)
            if anew is None:
                hopeless = True
                reached += ", and no other bar gives that share"
            else:
                changed.append(NewBar(bar.contestant, bar.min_confidence, anew))
                text = f"new bar for {bar.contestant}: {_bar_text(bar.min_confidence)} → {_bar_text(anew)}"
                reached = f"{100 * is_now:.1f} % {where} reach the old one, with the incumbent {100 * was:.1f} %"
        told.append(f"{text} ({reached})")
    sentence = "; ".join(told)
    reason = Reason(check="bars", passed=not hopeless, figure=largest, bound=settings.bar_shift, sentence=sentence)
    return reason, tuple(changed)


def _bar_text(bar: float) -> str:
    return f"{bar:.2f}" if round(bar, 2) == bar else f"{bar:g}"


def _disagreement(outcomes: Sequence[Outcome]) -> float | None:
    if not outcomes:
        return None
    differing = sum(one.weight for one in outcomes if not one.agree)
    return round(min(differing / sum(one.weight for one in outcomes), 1.0), 4)


def _tell_disagreement(predicted: Predicted) -> Reason:
    told = [
        f"{100 * share:.1f} % {where}"
        for share, where in ((predicted.new, "where the world changed"), (predicted.old, "of the reference data"))
        if share is not None
    ]
    sentence = f"will say something else than the incumbent on {' and '.join(told)}" if told else "nothing to tell by"
    return Reason(check="disagreement", passed=True, figure=predicted.highest, sentence=sentence)
