"""The gate's checks, each a decision with its figure, its bound, and a sentence for people. Pure."""

from collections.abc import Sequence
from typing import Final, Literal

from roost_cloud.gate.figures import Measured, Outcome, Pair, Timing
from roost_cloud.gate.paired import Paired, gain_p_value, inputs_needed, loss_bound
from roost_cloud.gate.settings import GateSettings
from roost_cloud.gate.verdict import Reason

__all__ = [
    "check_better",
    "check_golden",
    "check_labels",
    "check_latency",
    "check_outputs",
    "check_parent",
    "check_reference",
    "check_twin",
]

_TOLD: Final = 3  # labels, or failures, that a sentence names


def check_parent(pair: Pair) -> Reason:
    """It was made of the incumbent, for the same task."""
    candidate, incumbent = pair.candidate, pair.incumbent
    if candidate.parent != pair.incumbent_digest:
        said = candidate.parent or "none"
        return _refused("parent", f"its parent is {said}, and not the incumbent {pair.incumbent_digest}")
    if candidate.task != incumbent.task:
        return _refused("parent", f"it is for task {candidate.task}, and the incumbent for {incumbent.task}")
    if candidate.output.kind != incumbent.output.kind:
        return _refused("parent", f"it gives {candidate.output.kind}, and the incumbent {incumbent.output.kind}")
    return Reason(check="parent", passed=True, sentence="made of the incumbent, for the same task")


def check_labels(pair: Pair) -> Reason:
    """Its label space begins with the incumbent's, and has no label besides that nobody gave."""
    old, new = pair.incumbent.labels, pair.candidate.labels
    missing = [label for label in old if label not in new]
    if missing:
        return _refused("labels", f"it does not know {len(missing)} of the incumbent's labels: {_some(missing)}")
    if new[: len(old)] != old:
        moved = [label for place, label in enumerate(old) if new[place] != label]
        return _refused("labels", f"{len(moved)} of the incumbent's labels are in another place: {_some(moved)}")
    added = new[len(old) :]
    invented = [label for label in added if label not in pair.labels]
    if invented:
        return _refused("labels", f"it has {len(invented)} labels that nobody asked for: {_some(invented)}")
    more = f", and {len(added)} new ones: {_some(added)}" if added else ""
    return Reason(check="labels", passed=True, sentence=f"knows the incumbent's {len(old)} labels, in order{more}")


def check_golden(pair: Pair, measured: Measured) -> Reason:
    """Its golden vectors pass here."""
    if measured.golden is not None:
        return _refused("golden", f"its golden vectors do not pass: {measured.golden}")
    vectors = pair.candidate.golden.vectors
    return Reason(check="golden", passed=True, figure=vectors, sentence=f"its {vectors} golden vectors pass")


def check_outputs(measured: Measured) -> Reason:
    """It gives a sound output for all that the incumbent can read."""
    failures, inputs = measured.failures, len(measured.outcomes)
    figure = float(len(failures))
    if failures:
        why = _some(sorted(set(failures)))
        sentence = f"it fails on {len(failures)} of {inputs} inputs that the incumbent reads: {why}"
        return Reason(check="outputs", passed=False, figure=figure, bound=0, sentence=sentence)
    left_out = f"; {measured.unreadable} that neither can read are left out" if measured.unreadable else ""
    sentence = f"gives sound outputs for all {inputs} inputs{left_out}"
    return Reason(check="outputs", passed=True, figure=figure, bound=0, sentence=sentence)


def check_better(new: Paired, settings: GateSettings, split: Literal["device", "time"]) -> Reason:
    """It is better where the world changed."""
    if not new.inputs:
        sentence = "nothing tells whether it is better: no labelled input of the changed world was held back"
        return Reason(check="better", passed=False, bound=settings.alpha, sentence=sentence)
    p_value = gain_p_value(new.wins, new.losses)
    passed = new.gain > 0 and p_value <= settings.alpha
    told = (
        f"{_percent(new.candidate)} right where the world changed, the incumbent {_percent(new.incumbent)}"
        f" ({_held_back(new, split)}: {len(new.wins)} won, {len(new.losses)} lost, p = {p_value:.2g})"
    )
    if passed:
        sentence = told
    elif new.gain <= 0:
        sentence = f"it is no better: {told}"
    else:
        sentence = (
            f"it is not shown to be better: {told}, and p of at most {settings.alpha:g} is asked for: label more of"
            " the changed world"
        )
    return Reason(check="better", passed=passed, figure=p_value, bound=settings.alpha, sentence=sentence)


def check_reference(old: Paired, settings: GateSettings) -> Reason:
    """It loses less than ε of what the incumbent was good at."""
    epsilon, needed = settings.epsilon, inputs_needed(settings.epsilon, alpha=settings.alpha)
    if not old.inputs:
        return _no_reference(settings, needed)
    wins, losses = (old.effective * sum(weights) / old.weight for weights in (old.wins, old.losses))
    bound = loss_bound(old.effective, wins, losses, alpha=settings.alpha)
    told = (
        f"{_percent(old.candidate)} right on the reference data, the incumbent {_percent(old.incumbent)}"
        f" ({_worth(old)}: {len(old.wins)} won, {len(old.losses)} lost): it may lose up to {_points(bound)}"
    )
    if bound < epsilon:
        return Reason(check="reference", passed=True, figure=bound, bound=epsilon, sentence=told)
    sentence = f"{told}, and less than {_points(epsilon)} is asked for"
    if old.effective < needed:
        sentence += f"; {old.effective:.0f} inputs are too few to show it: it takes {needed}, even if none is lost"
    return Reason(check="reference", passed=False, figure=bound, bound=epsilon, sentence=sentence)


def check_twin(outcomes: Sequence[Outcome], settings: GateSettings) -> Reason:
    """Quantised, it says what it says in float."""
    twins = [(one.twin, one.candidate_confidence) for one in outcomes if one.twin is not None]
    if not twins:
        sentence = "no float twin was left to compare with: all figures are of the model as devices run it"
        return Reason(check="twin", passed=True, bound=settings.twin_agreement, sentence=sentence)
    share = sum(twin.agrees for twin, _ in twins) / len(twins)
    shifts = [abs(own - twin.confidence) for twin, own in twins if own is not None and twin.confidence is not None]
    shift = sum(shifts) / len(shifts) if shifts else 0.0
    told = (
        f"quantised it says the same as in float on {_percent(share)} of {len(twins)} inputs,"
        f" and its confidence differs by {shift:.3f} on average"
    )
    passed = share >= settings.twin_agreement and shift <= settings.twin_confidence
    asked = f"{_percent(settings.twin_agreement)} and at most {settings.twin_confidence:g} are asked for"
    sentence = told if passed else f"{told}: {asked}"
    return Reason(check="twin", passed=passed, figure=share, bound=settings.twin_agreement, sentence=sentence)


def check_latency(timing: Timing | None, settings: GateSettings) -> Reason:
    """It is not much slower than the incumbent, both measured here in turns."""
    bound = settings.latency_ratio
    if timing is None:
        return Reason(check="latency", passed=True, bound=bound, sentence="not measured: there was no input")
    ratio = timing.candidate_ms / max(timing.incumbent_ms, 1e-6)
    slack = timing.candidate_ms - timing.incumbent_ms <= settings.latency_slack_ms
    passed = ratio <= bound or slack
    told = f"takes {timing.candidate_ms:.2f} ms, the incumbent {timing.incumbent_ms:.2f} ms: {ratio:.2f} times as long"
    sentence = told if passed else f"{told}, and {bound:g} times is the limit"
    return Reason(check="latency", passed=passed, figure=ratio, bound=bound, sentence=sentence)


def _no_reference(settings: GateSettings, needed: int) -> Reason:
    required = settings.reference == "required"
    asked = (
        f"; build the incumbent with --reference, {needed} inputs for judging or more"
        if required
        else ", and none is required"
    )
    sentence = f"the incumbent has no reference data to tell what is lost by{asked}"
    return Reason(check="reference", passed=not required, bound=settings.epsilon, sentence=sentence)


def _refused(check: Literal["parent", "labels", "golden"], sentence: str) -> Reason:
    return Reason(check=check, passed=False, sentence=sentence)


def _held_back(new: Paired, split: Literal["device", "time"]) -> str:
    devices = f" of {new.devices} {'device' if new.devices == 1 else 'devices'}" if new.devices else ""
    near = ", of which it learnt others" if split == "time" and devices else ""
    return f"{_worth(new)}{devices}{near}"


def _worth(counted: Paired) -> str:
    worth = f", worth {counted.effective:.0f} of equal weight" if counted.effective < 0.95 * counted.inputs else ""
    return f"{counted.inputs} {'input' if counted.inputs == 1 else 'inputs'}{worth}"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(name[:100] for name in names[:_TOLD])
    return shown if len(names) <= _TOLD else f"{shown}, …"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"
