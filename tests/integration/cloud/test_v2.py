"""The Open Inference Protocol in the cloud, by its own clients against a real process and a real Mosquitto."""

import base64
import json
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton

from roost_cloud.transfer import Registry
from roost_cloud.transfer.push import push_bundle
from roost_shared.bundle import open_bundle
from roost_shared.messages import ErrorInfo
from tests.support.agent import until
from tests.support.asked_cloud import TASK, AskedCloud, bytes_request
from tests.support.bundles import Bundles, picture
from tests.support.fake_scorer import Asked, FakeScorer, score_of
from tests.support.mosquitto import Mosquitto

PAIR = {**TASK, "contestants": [{"name": "big", "bundle": "meter:1"}, {"name": "small", "bundle": "meter:2"}]}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("mosquitto")) as broker:
        yield broker


@pytest.fixture(scope="module")
def cloud(broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AskedCloud]:
    with AskedCloud(tmp_path_factory.mktemp("cloud"), broker.url, "--infer-payload-bytes", "100000") as cloud:
        cloud.put_task("pair", PAIR)
        cloud.until_ready()
        yield cloud


@pytest.fixture
def scorer(broker: Mosquitto) -> Iterator[FakeScorer]:
    with FakeScorer(broker.port) as scorer:
        yield scorer


@pytest.fixture
def client(cloud: AskedCloud) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(cloud.process.url.removeprefix("http://"), concurrency=8) as client:
        yield client


@pytest.fixture
def headers(cloud: AskedCloud) -> dict[str, str]:
    return {"Authorization": f"Bearer {cloud.token}"}


def test_a_client_of_the_protocol_finds_the_server_and_the_model(
    client: triton.InferenceServerClient, headers: dict[str, str]
) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    assert client.is_model_ready("meter", headers=headers)
    assert client.is_model_ready("meter", "1", headers=headers)
    assert not client.is_model_ready("nobodys", headers=headers)
    assert client.get_model_metadata("meter", "1", headers=headers)["inputs"][0]["datatype"] == "BYTES"


@pytest.mark.parametrize("binary", [True, False])
def test_a_tensor_reaches_the_scorer_as_an_npy_file_and_its_score_the_client(
    client: triton.InferenceServerClient, headers: dict[str, str], scorer: FakeScorer, *, binary: bool
) -> None:
    tensor = triton.InferInput("input", [2, 3], "FP32")
    tensor.set_data_from_numpy(np.arange(6, dtype=np.float32).reshape(2, 3), binary_data=binary)
    wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("label", "top_confidences")]
    result = client.infer("meter", [tensor], outputs=wanted, request_id="", headers=headers)
    (label,) = result.as_numpy("label").tolist()
    assert label in (b"bright", "bright")
    assert result.as_numpy("top_confidences").tolist() == pytest.approx([0.99, 0.01])
    parameters = result.get_response()["parameters"]
    assert (parameters["contestant"], parameters["reason"], parameters["deadline_met"]) == ("big", "preferred", True)
    (asked,) = scorer.asked
    assert asked.device.startswith("cloud.")
    assert asked.question.payload.startswith(b"\x93NUMPY")
    assert asked.question.payload.endswith(struct.pack("<6f", *range(6)))


def test_the_rules_of_the_task_hold(cloud: AskedCloud, scorer: FakeScorer) -> None:
    def reply(asked: Asked) -> Iterator[Any]:
        yield score_of(asked, "small", label="dark")
        yield score_of(asked, "big", label=None, error=ErrorInfo("contestant.unknown", "no such contestant"))

    scorer.reply = reply
    said = cloud.infer(task="pair")
    assert (said.label, said.reason) == ("dark", "fallback")
    candidates = {one["contestant"]: one["error"] for one in json.loads(said.body["parameters"]["candidates"])}
    assert candidates == {"small": None, "big": {"code": "contestant.unknown", "message": "no such contestant"}}
    assert len(scorer.asked) == 1, "the input crosses once"


def test_a_caller_may_force_a_contestant_and_shorten_the_deadline(cloud: AskedCloud, scorer: FakeScorer) -> None:
    forced = cloud.infer(bytes_request(policy="force:small"), task="pair")
    assert (forced.body["parameters"]["contestant"], forced.reason) == ("small", "forced")
    assert cloud.infer(bytes_request(policy="force:nobody"), task="pair").status == 403
    scorer.silent = True
    hurried = cloud.infer(bytes_request(deadline_ms=50))
    assert (hurried.label, hurried.reason) == ("unknown", "default")
    assert hurried.body["parameters"]["elapsed_ms"] < TASK["deadline_ms"]


def test_a_repeated_request_gets_the_same_answer_and_is_asked_once(cloud: AskedCloud, scorer: FakeScorer) -> None:
    scorer.delay_s = 0.2
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: cloud.infer(bytes_request(id="again")), range(8)))
    answers.append(cloud.infer(bytes_request(id="again")))
    assert [answer.body["id"] for answer in answers] == 9 * ["again"]
    assert {answer.label for answer in answers} == {"bright"}
    assert len(scorer.asked) == 1
    cloud.infer(bytes_request("other pixels", id="again"))
    cloud.infer(bytes_request(id="again"), token=cloud.issue_token("acme"))
    assert len(scorer.asked) == 3, "another input, and another caller, are other requests"


def test_two_hundred_at_once_all_get_their_own_answer(cloud: AskedCloud, scorer: FakeScorer) -> None:
    def reply(asked: Asked) -> Iterator[Any]:
        yield score_of(asked, "big", label=asked.question.payload.decode())

    scorer.reply = reply
    scorer.delay_s = 0.3
    cloud.put_task("patient", {**TASK, "deadline_ms": 20_000})
    with ThreadPoolExecutor(200) as threads:
        answers = list(threads.map(lambda n: cloud.infer(bytes_request(str(n)), task="patient"), range(200)))
    assert [answer.label for answer in answers] == [str(n) for n in range(200)]


def test_viewers_look_and_do_not_ask_and_other_tenants_see_nothing(cloud: AskedCloud) -> None:
    viewer = cloud.issue_token("acme", "viewer")
    assert cloud.call("GET", "/v2/models/meter", token=viewer).status == 200
    assert cloud.infer(token=viewer).status == 403
    cloud.add_tenant("beta")
    assert cloud.infer(token=cloud.issue_token("beta")).status == 404


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "code"),
    [
        ("meter", b"no JSON", {}, 400, "oip.bad_json"),
        ("meter", b"{}", {"Inference-Header-Content-Length": "many"}, 400, "oip.bad_header_length"),
        ("meter", bytes(2_000_000), {}, 413, "oip.too_large"),
        ("meter", json.dumps(bytes_request(100_001 * "x")).encode(), {}, 413, "oip.too_large"),
        ("meter", b"", {"Content-Encoding": "gzip"}, 415, "http.encoding"),
        ("meter", json.dumps(bytes_request(deadline_ms=-1)).encode(), {}, 400, "oip.bad_parameter"),
        ("meter/versions/2", json.dumps(bytes_request()).encode(), {}, 404, "oip.unknown_version"),
        ("nobodys", json.dumps(bytes_request()).encode(), {}, 404, "not_found"),
        ("No Name", json.dumps(bytes_request()).encode(), {}, 422, "request.invalid"),
        ("meter/nothing", b"", {}, 404, "http.not_found"),
        ("meter", b"{}", {"Authorization": "Bearer nobody"}, 401, "auth.unauthenticated"),
    ],
)
def test_errors_have_the_protocols_form(
    cloud: AskedCloud, path: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    refused = cloud.call("POST", f"/v2/models/{path}/infer".replace(" ", "%20"), body, **headers)
    assert (refused.status, refused.body.get("code")) == (status, code), refused.body
    assert isinstance(refused.body["error"], str)


def test_one_process_with_broker_scorer_and_api_answers(tmp_path: Path, bundles: Bundles) -> None:
    everything = ("--embedded", "--embedded-broker-port", "0")
    with AskedCloud(tmp_path / "cloud", None, *everything, role="api,scorer") as house:
        with house.process.client(house.token) as api:
            push_bundle(Registry(api), bundles.sure)
        house.put_task("light", {**TASK, "contestants": [{"name": "big", "bundle": "sure:1"}]})
        data = base64.b64encode(picture(255)).decode()
        request = bytes_request(data)
        request["inputs"][0]["parameters"] = {"content_encoding": "base64"}
        house.until_ready()
        until(lambda: house.infer(request, "light").label == "bright", "the scorer has loaded it")
        answer = house.infer(request, "light")
        assert answer.body["parameters"]["bundle"] == open_bundle(bundles.sure).reference
        assert answer.output("confidence") > 0.9


def test_without_a_broker_nobody_can_be_asked(tmp_path: Path) -> None:
    with AskedCloud(tmp_path / "cloud", None) as alone:
        refused = alone.infer()
        assert (refused.status, refused.body["code"]) == (503, "asking.no_broker")
        assert alone.call("GET", "/v2/health/live").status == 200
        assert alone.call("GET", "/v2/health/ready").status == 400
        assert alone.call("GET", "/v2/models/meter/ready").status == 400
