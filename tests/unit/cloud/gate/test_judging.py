"""From figures to a verdict: all checks, the bars, what is predicted."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roost_cloud.gate.figures import Measured, Outcome, Pair
from roost_cloud.gate.job import Bar, GateJob
from roost_cloud.gate.judging import judge, no_bundle
from roost_cloud.gate.settings import GateSettings
from roost_cloud.gate.verdict import NewBar, Predicted, Reason, Verdict, encode_verdict
from tests.support.gate_folders import SNAPSHOT, threshold_bundle

BARS = (Bar("primary", 0.8),)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("pair")
    incumbent = threshold_bundle(folder / "one", 0.0)
    candidate = threshold_bundle(folder / "two", 0.5, version="2", parent=incumbent.digest)
    return Pair(candidate.config, incumbent.config, incumbent.digest, ("low", "high", "middle"))


def outcomes(before: Sequence[float | None], after: Sequence[float | None]) -> list[Outcome]:
    """Reference inputs on which both are right, as sure as that."""
    return [
        Outcome("old", 1.0, "", incumbent_right=True, candidate_right=True, agree=True,
                incumbent_confidence=was, candidate_confidence=is_now)
        for was, is_now in zip(before, after, strict=True)
    ]  # fmt: skip


def new(won: int, same: int) -> list[Outcome]:
    return [
        Outcome("new", 1.0, "cam-1", incumbent_right=place >= won, candidate_right=True, agree=place >= won)
        for place in range(won + same)
    ]


def verdict_of(pair: Pair, measured: Sequence[Outcome], bars: tuple[Bar, ...] = BARS) -> Verdict:
    return judge(pair, Measured(tuple(measured)), GateJob(bars=bars), snapshot=SNAPSHOT, split="device")


def reason_of(verdict: Verdict, check: str) -> Reason:
    return next(reason for reason in verdict.reasons if reason.check == check)


def test_all_checks_make_a_verdict(pair: Pair) -> None:
    verdict = verdict_of(pair, [*new(6, 14), *outcomes([0.9] * 200, [0.9] * 200)])
    assert verdict.passed
    assert [reason.check for reason in verdict.reasons] == [
        "parent", "labels", "golden", "outputs", "better", "reference", "twin", "latency", "bars", "disagreement",
    ]  # fmt: skip
    assert verdict.inputs == (20, 200)
    assert verdict.disagreement == Predicted(0.3, 0.0)
    assert verdict.disagreement.highest == 0.3
    assert msgspec.json.decode(encode_verdict(verdict), type=Verdict) == verdict


def test_one_refusal_refuses(pair: Pair) -> None:
    other = pair._replace(incumbent_digest=SNAPSHOT)
    verdict = verdict_of(other, [*new(6, 14), *outcomes([0.9] * 200, [0.9] * 200)])
    assert not verdict.passed
    assert [reason.check for reason in verdict.reasons if not reason.passed] == ["parent"]


def spread(shift: float) -> list[float | None]:
    return [min(1.0, 0.5 + place / 400 + shift) for place in range(200)]


def test_a_bar_that_still_means_the_same_stays(pair: Pair) -> None:
    verdict = verdict_of(pair, outcomes(spread(0.0), spread(0.02)))
    assert verdict.bars == ()
    reason = reason_of(verdict, "bars")
    assert (reason.passed, reason.bound) == (True, 0.05)
    assert reason.figure == pytest.approx(0.04)
    assert "primary's bar 0.80 (44.0 % of the reference data reach it, with the incumbent 40.0 %)" in reason.sentence


def test_a_bar_that_means_something_else_ships_anew(pair: Pair) -> None:
    verdict = verdict_of(pair, outcomes(spread(0.0), spread(0.03)))
    assert verdict.bars == (NewBar("primary", 0.8, 0.83),)
    reason = reason_of(verdict, "bars")
    assert reason.passed
    assert reason.figure == pytest.approx(0.06)
    assert "new bar for primary: 0.80 → 0.83" in reason.sentence


def test_each_bar_is_judged_for_itself(pair: Pair) -> None:
    bars = (Bar("primary", 0.8), Bar("primary", 0.5), Bar("backup", 0.8), Bar("primary", 0.8))
    verdict = verdict_of(pair, outcomes(spread(0.0), spread(-0.03)), bars)
    assert verdict.bars == (NewBar("backup", 0.8, 0.77), NewBar("primary", 0.5, 0.47), NewBar("primary", 0.8, 0.77))


@pytest.mark.parametrize("after", [[0.99] * 200, [None] * 200], ids=["always sure", "no confidence"])
def test_a_candidate_that_no_bar_parts_as_before_is_refused(pair: Pair, after: list[float | None]) -> None:
    reason = reason_of(verdict_of(pair, outcomes(spread(0.0), after)), "bars")
    assert not reason.passed
    assert "no other bar gives that share" in reason.sentence


def test_without_reference_data_bars_are_judged_where_the_world_changed(pair: Pair) -> None:
    changed = [one._replace(world="new") for one in outcomes(spread(0.0), spread(0.0))]
    assert "where the world changed reach it" in reason_of(verdict_of(pair, changed), "bars").sentence


def test_without_bars_or_inputs_none_is_compared(pair: Pair) -> None:
    assert "no rule asks" in reason_of(verdict_of(pair, new(6, 1), ()), "bars").sentence
    empty = verdict_of(pair, [])
    assert "there was no input" in reason_of(empty, "bars").sentence
    assert empty.disagreement == Predicted(None, None)
    assert "nothing to tell by" in reason_of(empty, "disagreement").sentence


_KINDS = st.tuples(st.booleans(), st.booleans())


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_KINDS, min_size=1, max_size=30), st.data())
def test_what_is_right_more_often_never_fares_worse(
    pair: Pair, kinds: list[tuple[bool, bool]], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(kinds) - 1))
    before = [Outcome(world, 1.0, "", was, is_now, was == is_now) for world in ("new", "old") for was, is_now in kinds]
    after = list(before)
    for where in (place, place + len(kinds)):
        after[where] = before[where]._replace(candidate_right=True, agree=before[where].incumbent_right)
    first, second = (verdict_of(pair, some) for some in (before, after))
    for check in ("better", "reference"):
        one, other = reason_of(first, check), reason_of(second, check)
        assert other.passed >= one.passed
        assert other.figure is not None
        assert one.figure is not None
        assert other.figure <= one.figure + 1e-9


def test_disagreement_is_by_weight(pair: Pair) -> None:
    two = [new(1, 0)[0]._replace(weight=3.0), new(0, 1)[0]]
    assert verdict_of(pair, two).disagreement == Predicted(0.75, None)


def test_what_cannot_be_run_is_refused() -> None:
    verdict = no_bundle(SNAPSHOT, SNAPSHOT, "it has no model")
    assert (verdict.passed, verdict.candidate) == (False, "")
    assert "it has no model" in verdict.reasons[0].sentence


@pytest.mark.parametrize("field", ["alpha", "epsilon", "twin_agreement", "latency_ratio"])
def test_settings_are_checked(field: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({field: -1}, GateSettings)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"alhpa": 0.1}, GateSettings)
