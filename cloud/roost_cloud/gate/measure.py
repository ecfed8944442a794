"""Running both bundles of a gate's folder on its test part, and timing them in turns."""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from roost_cloud.datasets.judged import JudgedExample, JudgedSet
from roost_cloud.gate.errors import GateError
from roost_cloud.gate.figures import Measured, Outcome, Timing, Twin
from roost_cloud.training.progress import Progress
from roost_shared.bundle.manifest import BundleConfig, ToleranceAgreement
from roost_shared.errors import InputError, RoostError
from roost_shared.pipeline import Pipeline
from roost_shared.rendezvous.agreement import agree
from roost_shared.rendezvous.events import Score
from roost_shared.scored import Scored

__all__ = ["Contest", "measure"]

_TIMED_INPUTS: Final = 24
_ROUNDS: Final = 7
_TIMING_S: Final = 20.0  # that timing may take, but for its first round


class Contest(NamedTuple):
    """Who is measured.

    Attributes:
        candidate: loaded.
        config: the candidate's document.
        incumbent: loaded.
        twin: the candidate in float, if that was left.
    """

    candidate: Pipeline
    config: BundleConfig
    incumbent: Pipeline
    twin: Pipeline | None = None


class _Input(NamedTuple):
    example: JudgedExample
    payload: bytes


def measure(folder: Path, judged: JudgedSet, contest: Contest, progress: Progress) -> Measured:
    """Measure.

    Args:
        folder: the gate's; inputs are read one at a time.
        judged: the test part.
        contest: who.
        progress: told of every input.

    Raises:
        GateError: an input is not there, or is another.
        TrainingCancelledError: it shall stop.
    """
    golden = _golden(contest.candidate)
    outcomes: list[Outcome] = []
    failures: list[str] = []
    timed: list[_Input] = []
    unreadable, total = 0, len(judged.examples)
    every = max(1, total // _TIMED_INPUTS)
    for number, example in enumerate(judged.examples):
        progress.step(number, total, "judging inputs")
        one = _Input(example, _read(folder, example))
        incumbent, candidate = (_say(one, model) for model in (contest.incumbent, contest.candidate))
        if isinstance(incumbent, str) and isinstance(candidate, str):
            unreadable += 1
            continue
        if isinstance(candidate, str):
            failures.append(candidate)
        outcomes.append(_outcome(one, contest, incumbent, candidate))
        if not isinstance(incumbent, str) and not isinstance(candidate, str) and number % every == 0:
            timed.append(one)
    progress.step(total, total, "judging inputs")
    timing = _time(timed[:_TIMED_INPUTS], contest, progress)
    return Measured(tuple(outcomes), unreadable, tuple(failures), golden, timing)


def _golden(candidate: Pipeline) -> str | None:
    """What is wrong with the golden vectors; None: nothing."""
    try:
        candidate.check_golden()
    except RoostError as error:
        return str(error)
    return None


def _read(folder: Path, example: JudgedExample) -> bytes:
    try:
        payload = (folder / "inputs" / example.sha256).read_bytes()
    except OSError as error:
        raise GateError(f"{example.key}: its input cannot be read: {error.strerror or error}") from error
    if hashlib.sha256(payload).hexdigest() != example.sha256:
        raise GateError(f"{example.key}: its input is another than the snapshot says")
    return payload


def _say(one: _Input, model: Pipeline) -> Scored | str:
    """What a model says; or why it cannot."""
    try:
        return model.score(one.payload, content_type=one.example.media_type)
    except InputError as error:
        return error.code
    except RoostError as error:
        return str(error)


def _outcome(one: _Input, contest: Contest, incumbent: Scored | str, candidate: Scored | str) -> Outcome:
    tolerance = _tolerance(contest.config)
    said = [None if isinstance(scored, str) else _score(scored) for scored in (incumbent, candidate)]
    twin = None
    if contest.twin is not None and said[1] is not None:
        in_float = _say(one, contest.twin)
        other = None if isinstance(in_float, str) else _score(in_float)
        agrees = other is not None and agree(said[1], other, tolerance)
        twin = Twin(agrees, None if other is None else other.confidence)
    return Outcome(
        world=one.example.world,
        weight=one.example.weight,
        device=one.example.device,
        incumbent_right=_is_right(said[0], one.example.label, tolerance),
        candidate_right=_is_right(said[1], one.example.label, tolerance),
        agree=said[0] is not None and said[1] is not None and agree(said[0], said[1], tolerance),
        incumbent_confidence=None if said[0] is None else said[0].confidence,
        candidate_confidence=None if said[1] is None else said[1].confidence,
        twin=twin,
        truth=one.example.label,
        incumbent_said=None if said[0] is None else said[0].label,
        candidate_said=None if said[1] is None else said[1].label,
    )


def _tolerance(config: BundleConfig) -> float | None:
    return config.agreement.tolerance if isinstance(config.agreement, ToleranceAgreement) else None


def _score(scored: Scored) -> Score:
    return Score("", scored.label, scored.confidence, (), scored.output)


def _is_right(said: Score | None, label: str, tolerance: float | None) -> bool:
    """Whether that is what the label says; of numbers, within the bundle's tolerance."""
    if said is None:
        return False
    if said.label is not None:
        return said.label == label
    try:
        return agree(said, Score("", output=float(label)), tolerance)
    except ValueError:
        return False


def _time(inputs: Sequence[_Input], contest: Contest, progress: Progress) -> Timing | None:
    """Medians over inputs and rounds; the two take turns, so that whatever slows this machine slows both."""
    if not inputs:
        return None
    models = (contest.incumbent, contest.candidate)
    taken_ms: tuple[list[float], list[float]] = ([], [])
    until_s = time.monotonic() + _TIMING_S
    for number in range(_ROUNDS):
        progress.step(number, _ROUNDS, "timing")
        for place, one in enumerate(inputs):
            for which in (0, 1) if (number + place) % 2 else (1, 0):
                taken_ms[which].append(_elapsed_ms(one, models[which]))
        if time.monotonic() > until_s:
            break
    progress.step(_ROUNDS, _ROUNDS, "timing")
    return Timing(median(taken_ms[0]), median(taken_ms[1]), len(inputs))


def _elapsed_ms(one: _Input, model: Pipeline) -> float:
    begun_ns = time.perf_counter_ns()
    model.score(one.payload, content_type=one.example.media_type)
    return (time.perf_counter_ns() - begun_ns) / 1e6
