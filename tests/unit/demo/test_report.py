"""The last line says whether the promise held, and the exit code follows it."""

from typing import Any

import pytest

from scripts.roost_demo.report import keeps_promise, verdict
from scripts.roost_demo.what_if import replay_line


def report(
    *, answers: int = 10, by_deadline: int = 10, exactly_once: bool = True, as_expected: bool = True
) -> dict[str, Any]:
    return {
        "answers": answers,
        "by_deadline": by_deadline,
        "lost": 0,
        "unexpected": 0,
        "accuracy": 0.9,
        "capture": {"exactly_once": exactly_once},
        "new_versions": {"as_expected": as_expected},
    }


def test_kept_promises_are_said() -> None:
    assert keeps_promise(report())
    assert verdict(report()) == (
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
