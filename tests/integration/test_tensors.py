"""Numbers in, numbers out, through a whole agent: `.npy` and JSON payloads, regression, embedding, their agreement."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from tests.support.agent import AgentProcess, Caller, run_command, task_toml, until
from tests.support.bundles import SIDE, Bundles, npy, picture
from tests.support.mosquitto import Mosquitto

GREY = np.full((SIDE, SIDE, 1), 120)
VECTOR = [0.25, 0.5, -1.0, 7.0]
TURNED = [0.25, -0.5, -1.0]


class Site(NamedTuple):
    """An agent, and a caller of it."""

    agent: AgentProcess
    caller: Caller


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, bundles: Bundles) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with Mosquitto(folder) as broker:
        tasks = task_toml("mean", {"only": bundles.mean, "shadow": bundles.higher})
        tasks += task_toml("vector", {"only": bundles.turn, "baseline": bundles.turn, "shadow": bundles.tilt})
        barred = 'accept = "barred", min_confidence = 0.1; accept = "backup", after_ms = 100'
        tasks += task_toml("barred", {"barred": bundles.turn, "backup": bundles.tilt}, rules=barred)
        with AgentProcess(folder / "agent", broker.url, tasks) as agent, Caller(broker.port) as caller:
            yield Site(agent.start(), caller)


def payloads(values: Any) -> list[Any]:
    array = np.asarray(values)
    return [
        pytest.param(npy(array.astype(np.float32)), id="npy-float32"),
        pytest.param(npy(array.astype(np.float64)), id="npy-float64"),
        pytest.param(npy(np.asfortranarray(array)), id="npy-fortran"),
        pytest.param(json.dumps(array.tolist()).encode(), id="json"),
    ]


@pytest.mark.parametrize("payload", [*payloads(GREY), pytest.param(picture(120), id="png")])
def test_a_regression_answers_with_a_number_and_no_confidence(site: Site, payload: bytes) -> None:
    answer = site.caller.ask(payload, "mean")
    assert answer["output"] == pytest.approx(120, rel=1e-4)
    assert (answer["label"], answer["confidence"], answer["top"]) == (None, None, [])
    assert (answer["reason"], answer["deadline_met"]) == ("preferred", True)


@pytest.mark.parametrize("payload", [*payloads([VECTOR]), *payloads(VECTOR)])
def test_an_embedding_answers_with_a_list_and_no_confidence(site: Site, payload: bytes) -> None:
    answer = site.caller.ask(payload, "vector")
    assert answer["output"] == pytest.approx(TURNED)
    assert (answer["label"], answer["confidence"], answer["top"]) == (None, None, [])


def test_a_score_without_confidence_satisfies_only_a_rule_without_a_bar(site: Site) -> None:
    answer = site.caller.ask(json.dumps(VECTOR).encode(), "barred")
    assert (answer["contestant"], answer["reason"]) == ("backup", "fallback")
    assert answer["output"] == pytest.approx([0.25, -0.5, -0.5])


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        pytest.param(npy(np.array([1, 2, np.nan, 4])), "input.not_finite", id="nan"),
        pytest.param(npy(np.array([1, "a"], object)), "input.object_array", id="objects"),
        pytest.param(b"[1, 2, 3", "input.bad_json", id="half"),
        pytest.param(b"[[1, 2], [3]]", "input.bad_json", id="ragged"),
        pytest.param(b"[1, 2, 3]", "input.", id="too few"),
        pytest.param(npy(np.ones(4))[:-3], "input.truncated", id="cut"),
        pytest.param(picture(), "input.", id="a picture"),
    ],
)
def test_what_is_no_such_tensor_is_answered_with_the_reason(site: Site, payload: bytes, code: str) -> None:
    answer = site.caller.ask(payload, "vector")
    assert (answer["reason"], answer["output"]) == ("default", None)
    assert answer["error"]["code"].startswith(code)


def test_agreement_with_the_answer_is_counted_within_the_bundle_s_tolerance(site: Site) -> None:
    for _ in range(5):
        site.caller.ask(npy(GREY), "mean")
        site.caller.ask(json.dumps(VECTOR).encode(), "vector")
    # Whether they scored before the answer or after it, each is compared once with each answer.
    for task, contestant, agrees in (("mean", "shadow", 1), ("vector", "baseline", 1), ("vector", "shadow", 0)):
        answers = site.agent.status["tasks"][task]["by_contestant"]["only"]
        expected = {"compared": answers, "agreeing": agrees * answers}
        until(lambda: site.agent.status["tasks"][task]["agreement"].get(contestant) == expected, f"{task} compared")  # noqa: B023 - called before the next turn
    text = run_command("status", "--config", site.agent.config).stdout
    assert f"said as the answer {answers} times of {answers}" in text
    assert f"said as the answer 0 times of {answers}" in text
