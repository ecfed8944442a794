import json
from typing import Any

import numpy as np
import pytest

from roost_cloud.monitor.telling import cause_of, tell
from roost_shared.phi import IMAGE


def test_input_is_told_by_the_words_people_have_and_what_never_moved_has_no_number() -> None:
    off = np.array([-6.2, -3.0, 0.5, 0, 0, 0, np.inf, 0])
    told = tell("input", np.zeros((10, 8)), np.ones(8), off, IMAGE)
    assert told["summary"].startswith(
        "sharpness of edges rose, and was always the same before; brightness fell by 6.2"
    )
    assert [one["deviations"] for one in told["moved"]] == [None, -6.2, -3.0]
    assert json.loads(json.dumps(told, allow_nan=False)) == told


@pytest.mark.parametrize(("log", "words"), [(1.1, "3.0 times as often"), (-0.7, "only 50 % as often")])
def test_a_rate_is_told_by_how_many_times(log: float, words: str) -> None:
    told = tell("event_rate", np.zeros((10, 1)), np.array([log]), np.array([9.0]))
    assert told["summary"] == f"inputs came {words}"


def test_a_mix_is_told_by_shares_before_and_now() -> None:
    own = np.zeros((10, 64), np.int64)
    own[:, :2] = 50
    now = np.zeros(64, np.int64)
    now[0], now[63] = 90, 10
    told = tell("label_mix", own, now, (now - own[0]) / 5.0)
    assert told["summary"].startswith("the share of label no. 2 in alphabetical order went from 50% to 0%")
    assert [(one["slot"], one["before"], one["now"]) for one in told["moved"]] == [
        (1, 0.5, 0.0),
        (0, 0.5, 0.9),
        (63, 0.0, 0.1),
    ]


@pytest.mark.parametrize(("group", "words"), [(0, "less sure"), (9, "surer")])
def test_confidence_is_told_by_its_way(group: int, words: str) -> None:
    off = np.full(10, -1.0)
    off[group] = 9.0
    assert tell("model", np.zeros((10, 26)), np.zeros(26), off)["summary"] == f"the model is {words} than it was"


@pytest.mark.parametrize(
    ("kind", "baseline", "cause"),
    [
        ("input", None, "input"),
        ("event_rate", True, "input"),
        ("model", False, "model"),
        ("model", True, "input"),
        ("model", None, "unknown"),
        ("label_mix", None, "unknown"),
        ("label_mix", False, "model"),
        ("label_mix", True, "input"),
    ],
)
def test_whose_fault_it_is(kind: Any, baseline: bool | None, cause: str) -> None:  # noqa: FBT001 - cases
    assert cause_of(kind, baseline_moved=baseline) == cause
