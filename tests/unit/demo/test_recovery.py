"""How right the answers were before the world changed, then, and with the refined head."""

from roost_shared.messages import Answer
from scripts.roost_demo.outcomes import Outcome
from scripts.roost_demo.pictures import Picture
from scripts.roost_demo.recovery import Phase, accuracies

PHASES: dict[int, Phase] = {1: "before", 2: "drifted"}


def outcome(act: int, said: str | None, *, device: str = "cam-02", number: int = 0) -> Outcome:
    answer = Answer(
        id="1",
        task="digits",
        label=said,
        confidence=0.9,
        top=[],
        output=None,
        contestant="primary",
        bundle=None,
        reason="preferred",
        deadline_met=True,
        elapsed_ms=1.0,
        candidates=[],
        received_at="2026-01-01T00:00:00Z",
    )
    return Outcome(device, act, Picture(b"a three", "3", number), None if said is None else answer, None, 0.0)


def test_each_phase_has_its_own_share_and_one_without_answers_none() -> None:
    outcomes = [outcome(1, "3"), outcome(2, "3"), outcome(2, "8"), outcome(2, None), outcome(3, "8")]
    assert accuracies(outcomes, PHASES, ["cam-02"], ()) == {"before": 1.0, "drifted": 0.5, "after": None}


def test_other_cameras_do_not_count_nor_does_what_was_labelled() -> None:
    outcomes = [outcome(2, "8"), outcome(2, "3", device="cam-01"), outcome(2, "3", number=7)]
    assert accuracies(outcomes, PHASES, ["cam-02"], {7})["drifted"] == 0.0
    assert accuracies(outcomes, PHASES, ["cam-02"], ())["drifted"] == 0.5
