"""Every check of the gate, on both sides of its edge; a refusal says which and by how much."""

from typing import Any, Literal

import msgspec
import pytest

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
from roost_cloud.gate.figures import Measured, Outcome, Pair, Timing, Twin
from roost_cloud.gate.paired import paired
from roost_cloud.gate.settings import GateSettings
from roost_shared.bundle.manifest import OutputSpec
from roost_shared.digest import digest_of
from tests.support.gate_folders import threshold_bundle

SETTINGS = GateSettings()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("pair")
    incumbent = threshold_bundle(folder / "one", 0.0)
    candidate = threshold_bundle(folder / "two", 0.5, version="2", parent=incumbent.digest)
    return Pair(candidate.config, incumbent.config, incumbent.digest, ("low", "high", "middle"))


def changed(pair: Pair, **fields: Any) -> Pair:
    return pair._replace(candidate=msgspec.structs.replace(pair.candidate, **fields))


def outcomes(won: int, lost: int, same: int, world: Literal["new", "old"] = "new") -> list[Outcome]:
    kinds = [(True, False)] * won + [(False, True)] * lost + [(True, True)] * same
    return [Outcome(world, 1.0, "", was, is_now, was == is_now) for is_now, was in kinds]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, None),
        ({"parent": None}, "its parent is none"),
        ({"parent": digest_of(b"another")}, "and not the incumbent"),
        ({"task": "other"}, "it is for task other"),
        ({"output": OutputSpec(kind="embedding")}, "it gives embedding"),
    ],
)
def test_a_candidate_is_made_of_the_incumbent(pair: Pair, fields: dict[str, Any], said: str | None) -> None:
    reason = check_parent(changed(pair, **fields))
    assert reason.passed is (said is None)
    assert (said or "made of the incumbent") in reason.sentence


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (("low", "high"), None),
        (("low", "high", "middle"), None),
        (("low", "high", "none"), "it has 1 labels that nobody asked for: none"),
        (("high", "low"), "2 of the incumbent's labels are in another place: low, high"),
        (("low", "middle", "high"), "1 of the incumbent's labels are in another place: high"),
        (("low",), "does not know 1 of the incumbent's labels: high"),
        ((), "does not know 2 of the incumbent's labels: low, high"),
    ],
)
def test_the_label_space_begins_with_the_incumbents(pair: Pair, labels: tuple[str, ...], said: str | None) -> None:
    reason = check_labels(changed(pair, labels=labels))
    assert reason.passed is (said is None)
    assert (said or "knows the incumbent's 2 labels") in reason.sentence


def test_golden_vectors_pass_here(pair: Pair) -> None:
    assert check_golden(pair, Measured(())).passed
    reason = check_golden(pair, Measured((), golden="vector 1 deviates by 0.3"))
    assert not reason.passed
    assert "deviates by 0.3" in reason.sentence


def test_one_input_without_a_sound_output_refuses() -> None:
    fine = tuple(outcomes(1, 0, 9))
    assert check_outputs(Measured(fine, unreadable=2)).passed
    reason = check_outputs(Measured(fine, failures=("outputs are not finite",)))
    assert (reason.passed, reason.figure, reason.bound) == (False, 1.0, 0)
    assert "1 of 10 inputs" in reason.sentence
    assert "not finite" in reason.sentence


@pytest.mark.parametrize(
    ("won", "lost", "passed"), [(5, 0, True), (4, 0, False), (8, 1, True), (6, 1, False), (0, 0, False), (1, 9, False)]
)
def test_better_by_the_paired_test(won: int, lost: int, passed: bool) -> None:  # noqa: FBT001
    reason = check_better(paired(outcomes(won, lost, 30)), SETTINGS, "device")
    assert reason.passed is passed
    assert (reason.figure is not None and reason.figure <= 0.05) is passed
    assert f"{won} won, {lost} lost, p = " in reason.sentence
    assert ("it is no better" in reason.sentence) is (won <= lost)


def test_a_stricter_gate_asks_for_more() -> None:
    new = paired(outcomes(5, 0, 30))
    assert not check_better(new, GateSettings(alpha=0.01), "device").passed


def test_with_nothing_to_judge_by_nothing_passes() -> None:
    reason = check_better(paired([]), SETTINGS, "device")
    assert not reason.passed
    assert "no labelled input" in reason.sentence


def test_a_split_in_time_is_told() -> None:
    with_devices = [one._replace(device="cam-1") for one in outcomes(9, 0, 9)]
    assert "of which it learnt others" in check_better(paired(with_devices), SETTINGS, "time").sentence
    assert "of which it learnt others" not in check_better(paired(with_devices), SETTINGS, "device").sentence


@pytest.mark.parametrize(
    ("won", "lost", "same", "passed", "said"),
    [
        (0, 0, 133, True, "may lose up to 2.0 points"),
        (0, 0, 132, False, "132 inputs are too few to show it: it takes 133"),
        (0, 0, 20, False, "20 inputs are too few"),
        (0, 1, 299, True, "0 won, 1 lost"),
        (0, 1, 199, False, "less than 2.0 points is asked for"),
        (2, 12, 600, False, "(614 inputs: 2 won, 12 lost)"),
        (12, 2, 100, True, "12 won, 2 lost"),
    ],
)
def test_what_the_incumbent_was_good_at_is_kept(won: int, lost: int, same: int, passed: bool, said: str) -> None:  # noqa: FBT001
    reason = check_reference(paired(outcomes(won, lost, same, "old")), SETTINGS)
    assert reason.passed is passed
    assert (reason.figure is not None and reason.figure < 0.02) is passed
    assert said in reason.sentence


def test_unequal_weights_are_worth_fewer_inputs() -> None:
    heavy = [one._replace(weight=100.0 if place < 10 else 1.0) for place, one in enumerate(outcomes(0, 0, 200, "old"))]
    reason = check_reference(paired(heavy), SETTINGS)
    assert not reason.passed
    assert "200 inputs, worth 14 of equal weight" in reason.sentence


@pytest.mark.parametrize(("reference", "passed"), [("required", False), ("if_present", True)])
def test_without_reference_data_it_is_a_matter_of_settings(
    reference: Literal["required", "if_present"],
    passed: bool,  # noqa: FBT001
) -> None:
    reason = check_reference(paired([]), GateSettings(reference=reference))
    assert reason.passed is passed
    assert ("--reference, 133 inputs" in reason.sentence) is not passed


@pytest.mark.parametrize(
    ("agreeing", "shift", "passed"),
    [(100, 0.0, True), (98, 0.049, True), (97, 0.0, False), (100, 0.051, False)],
)
def test_quantised_it_says_the_same(agreeing: int, shift: float, passed: bool) -> None:  # noqa: FBT001
    twins = [
        one._replace(candidate_confidence=0.9, twin=Twin(place < agreeing, 0.9 - shift))
        for place, one in enumerate(outcomes(0, 0, 100))
    ]
    reason = check_twin(twins, SETTINGS)
    assert (reason.passed, reason.figure) == (passed, agreeing / 100)
    assert ("are asked for" in reason.sentence) is not passed


def test_without_a_twin_it_is_said() -> None:
    reason = check_twin(outcomes(1, 1, 1), SETTINGS)
    assert reason.passed
    assert "no float twin" in reason.sentence


@pytest.mark.parametrize(
    ("incumbent_ms", "candidate_ms", "passed"),
    [(4.0, 5.0, True), (4.0, 5.1, False), (0.02, 0.2, True), (0.02, 0.23, False), (4.0, 1.0, True), (0.0, 9.0, False)],
)
def test_latency_is_judged_by_its_ratio(incumbent_ms: float, candidate_ms: float, passed: bool) -> None:  # noqa: FBT001
    reason = check_latency(Timing(incumbent_ms, candidate_ms, 24), SETTINGS)
    assert reason.passed is passed
    assert ("is the limit" in reason.sentence) is not passed


def test_without_inputs_nothing_is_timed() -> None:
    assert "not measured" in check_latency(None, SETTINGS).sentence
