"""An answer as tensors and parameters."""

import json
import struct
from typing import Any

import msgspec
import pytest

from roost_shared.messages import Answer, Candidate, ErrorInfo
from roost_shared.oip import HEADER_LENGTH, OipResponse, ResponseForm, WantedOutput, answer_response

BUNDLE = "meter:7@sha256:00"
ANSWER = Answer(
    id="b-1",
    task="meter",
    label="7",
    confidence=0.5,
    top=[("7", 0.5), ("1", 0.25)],
    output=None,
    contestant="primary",
    bundle=BUNDLE,
    reason="preferred",
    deadline_met=True,
    elapsed_ms=1.5,
    candidates=[Candidate("primary", BUNDLE, "7", 0.5, 1.2)],
    received_at="2026-01-01T00:00:00Z",
)
NOBODY = msgspec.structs.replace(ANSWER, label=None, confidence=None, top=[], contestant=None, reason="default")


def outputs(response: OipResponse) -> dict[str, Any]:
    assert response.status == 200
    return {output["name"]: output["data"] for output in json.loads(response.body)["outputs"]}


def test_a_classification_has_label_confidence_and_the_best_labels() -> None:
    assert outputs(answer_response(ANSWER, ResponseForm())) == {
        "label": ["7"],
        "confidence": [0.5],
        "top_labels": ["7", "1"],
        "top_confidences": [0.5, 0.25],
    }


@pytest.mark.parametrize(("output", "data"), [(2.5, [2.5]), ([1.0, 2.0], [1.0, 2.0])])
def test_a_regression_or_embedding_has_its_output_and_no_label(output: Any, data: list[float]) -> None:
    answer = msgspec.structs.replace(ANSWER, label=None, top=[], confidence=None, output=output)
    assert outputs(answer_response(answer, ResponseForm())) == {"output": data}


def test_the_caller_s_id_comes_back_and_else_the_one_we_minted() -> None:
    assert json.loads(answer_response(ANSWER, ResponseForm(id="mine")).body)["id"] == "mine"
    assert json.loads(answer_response(ANSWER, ResponseForm()).body)["id"] == "b-1"


def test_all_else_is_parameters_of_the_kinds_that_the_protocol_knows() -> None:
    parameters = json.loads(answer_response(ANSWER, ResponseForm()).body)["parameters"]
    assert json.loads(parameters.pop("candidates"))[0]["contestant"] == "primary"
    assert parameters == {
        "contestant": "primary",
        "bundle": BUNDLE,
        "reason": "preferred",
        "deadline_met": True,
        "elapsed_ms": 1.5,
        "received_at": "2026-01-01T00:00:00Z",
    }


def test_only_wanted_outputs_come_in_the_order_they_were_wanted_and_absent_ones_are_left_out() -> None:
    wanted = tuple(WantedOutput(name, binary=False) for name in ("confidence", "output", "label"))
    assert list(outputs(answer_response(ANSWER, ResponseForm(wanted=wanted)))) == ["confidence", "label"]


def test_binary_outputs_lie_behind_the_json_in_its_order() -> None:
    wanted = (
        WantedOutput("top_labels", binary=True),
        WantedOutput("label", binary=False),
        WantedOutput("confidence", binary=True),
    )
    response = answer_response(ANSWER, ResponseForm(wanted=wanted))
    length = int(response.headers[HEADER_LENGTH])
    document = json.loads(response.body[:length])
    assert [output.get("parameters") for output in document["outputs"]] == [
        {"binary_data_size": 10},
        None,
        {"binary_data_size": 4},
    ]
    assert response.body[length:] == b"\1\0\0\x007\1\0\0\x001" + struct.pack("<f", 0.5)
    assert response.headers["content-type"] == "application/octet-stream"


def test_a_default_is_an_answer_that_says_why() -> None:
    answer = msgspec.structs.replace(NOBODY, label="unknown", error=ErrorInfo("input.bad_image", "no image"))
    response = answer_response(answer, ResponseForm())
    assert outputs(response) == {"label": ["unknown"]}
    assert json.loads(response.body)["parameters"]["error_code"] == "input.bad_image"


@pytest.mark.parametrize(
    ("reason", "error", "status", "code"),
    [
        ("default", ErrorInfo("input.bad_image", "no image"), 400, "input.bad_image"),
        ("overloaded", ErrorInfo("overloaded", "too many"), 503, "overloaded"),
        ("default", ErrorInfo("deadline.no_score", "none"), 504, "deadline.no_score"),
        ("default", None, 504, "answer.none"),
    ],
)
def test_an_answer_with_nothing_to_say_is_an_error(
    reason: Any, error: ErrorInfo | None, status: int, code: str
) -> None:
    answer = msgspec.structs.replace(NOBODY, reason=reason, error=error)
    response = answer_response(answer, ResponseForm())
    assert response.status == status
    assert json.loads(response.body)["code"] == code
    assert json.loads(response.body)["error"]
