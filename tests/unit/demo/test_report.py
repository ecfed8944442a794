"""The last line says whether the promise held, and the exit code follows it."""

from typing import Any

import pytest

from scripts.roost_demo.report import keeps_promise, mission, verdict
from scripts.roost_demo.what_if import replay_line


def report(
    *,
    answers: int = 10,
    by_deadline: int = 10,
    exactly_once: bool = True,
    as_expected: bool = True,
    noticed: bool = True,
    refined: bool | None = True,
) -> dict[str, Any]:
    return {
        "answers": answers,
        "by_deadline": by_deadline,
        "lost": 0,
        "unexpected": 0,
        "accuracy": {"all": 0.9},
        "capture": {"exactly_once": exactly_once},
        "new_versions": {"as_expected": as_expected},
        "drift": {"as_expected": noticed},
        "story": None if refined is None else {"as_expected": refined},
    }


@pytest.mark.parametrize("refined", [True, None], ids=["whole", "with a model of one's own"])
def test_kept_promises_are_said(*, refined: bool | None) -> None:
    kept = report(refined=refined)
    assert keeps_promise(kept)
    assert verdict(kept) == (
        "Every picture was answered once, by its deadline; every input that was kept is in the cloud, exactly once. "
        "90.0% of the answers were right."
    )


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (report(by_deadline=9), "1 late"),
        (report(answers=0, by_deadline=0), "no picture was sent"),
        (report(exactly_once=False), "not every input that was kept is in the cloud, exactly once"),
        (report(as_expected=False), "the devices did not take the better version, or took another"),
        (report(refined=False), "the refined head did not come to all devices, or another candidate to one"),
        (report(noticed=False), "the cloud did not name the dirty lenses, or named others"),
    ],
)
def test_broken_promises_are_named(broken: dict[str, Any], said: str) -> None:
    assert not keeps_promise(broken)
    assert f"The promise did not hold: {said}." in verdict(broken)


def test_a_replay_is_told_of_in_a_line() -> None:
    replay = {
        "replayed": 200,
        "changed": 2,
        "recorded": {"asked": 0.345, "accuracy": 0.965},
        "would_be": {"asked": 0.21, "accuracy": None},
    }
    assert replay_line(replay) == (
        "200 requests replayed: asked of the cloud 34.5% → 21.0%, right 96.5% → -, 2 with another answer"
    )


ALARMS = [{"device": "cam-02", "summary": "contrast fell"}, {"device": "cam-03", "summary": "sharpness fell"}]
DRIFT = {"delay_windows": 4, "alarms": ALARMS}
CONFIRMED = {"cam-01": {"fetched_bytes": 4000}, "cam-02": {"fetched_bytes": 3000}}


def test_the_mission_has_its_figures() -> None:
    story = {
        "labels": {"training": 160, "disagreed": 12, "worse": 9},
        "train_s": 2.5,
        "rollouts": {"good": {"confirmed": {"cam-01": 9.0, "cam-02": 9.5}, "failed": 0, "returned": 1}},
    }
    assert mission({"drift": DRIFT, "story": story, "new_versions": {"confirmed": CONFIRMED}}) == {
        "alarm": {"delay_windows": 4, "explanation": "cam-02: contrast fell; cam-03: sharpness fell"},
        "labels_used": 172,
        "train_s": 2.5,
        "bundle_bytes_shipped": 7000,
        "rollout": {"confirmed": 2, "failed": 0, "reverted": 1},
    }


def test_of_a_model_of_ones_own_it_has_what_there_is() -> None:
    found = mission({"drift": {**DRIFT, "alarms": []}, "story": None, "new_versions": {"confirmed": CONFIRMED}})
    assert found["alarm"]["explanation"] is None
    assert (found["labels_used"], found["train_s"]) == (0, None)
    assert found["rollout"] == {"confirmed": 2, "failed": 0, "reverted": 0}
