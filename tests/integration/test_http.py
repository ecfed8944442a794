"""A real agent asked over HTTP: by a client of the Open Inference Protocol that is not ours, and by plain ones."""

import base64
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from roost_edge.settings.listen_address import ListenAddress
from tests.support.agent import TOKEN, TOKEN_SHA256, AgentProcess, task_toml, until
from tests.support.bundles import SIDE, Bundles, npy, picture
from tests.support.http_site import HTTP, HttpCaller, address_of, tensor_request
from tests.support.mosquitto import Mosquitto

BROKERLESS = "mqtt://127.0.0.1:1"  # nobody is there: HTTP needs no broker


@pytest.fixture(scope="module")
def agent(bundles: Bundles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
    tasks = task_toml("light", {"primary": bundles.sure, "backup": bundles.contrary})
    tasks += task_toml("numbers", {"primary": bundles.turn})
    with AgentProcess(tmp_path_factory.mktemp("http"), BROKERLESS, HTTP + tasks) as process:
        process.start(wait=False)
        address_of(process)
        process.until_ready("light", "primary")
        process.until_ready("light", "backup")
        process.until_ready("numbers", "primary")
        yield process


@pytest.fixture
def caller(agent: AgentProcess) -> Iterator[HttpCaller]:
    with HttpCaller(address_of(agent)) as found:
        until(lambda: found.ask("GET", "/v2/health/ready")[0] == 200, "the agent is ready")
        yield found


@pytest.fixture
def client(agent: AgentProcess, caller: HttpCaller) -> Iterator[triton.InferenceServerClient]:
    del caller  # it has waited until the agent is ready
    host, port = address_of(agent)
    with triton.InferenceServerClient(f"{host}:{port}") as found:
        yield found


def of_bytes(payload: bytes, *, binary: bool = True) -> Any:
    tensor = triton.InferInput("input", [1], "BYTES")
    return tensor.set_data_from_numpy(np.array([payload], dtype=np.object_), binary_data=binary)


def outputs(document: dict[str, Any]) -> dict[str, Any]:
    return {output["name"]: output["data"] for output in document["outputs"]}


# ---- with Triton's client


def test_tritons_client_finds_server_and_models(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("light")
    assert client.is_model_ready("light", "1")
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    metadata = client.get_model_metadata("light")
    assert (metadata["name"], metadata["inputs"]) == (
        "light",
        [{"name": "input", "datatype": "BYTES", "shape": [1]}],
    )


def test_tritons_client_finds_that_something_is_not_there(client: Any) -> None:
    assert not client.is_model_ready("dark")
    assert not client.is_model_ready("light", "2")
    with pytest.raises(InferenceServerException, match="no task 'dark' here; there are: light, numbers"):
        client.get_model_metadata("dark")


def test_tritons_client_infers_with_an_encoded_image(client: Any) -> None:
    result = client.infer("light", [of_bytes(picture(255))], request_id="7")
    assert result.as_numpy("label").tolist() == [b"bright"]
    assert result.as_numpy("confidence").dtype == np.float32
    assert result.as_numpy("confidence")[0] > 0.99
    assert result.as_numpy("top_labels").tolist() == [b"bright", b"dark"]
    assert result.as_numpy("output") is None
    response = result.get_response()
    assert (response["id"], response["model_name"], response["model_version"]) == ("7", "light", "1")
    parameters = response["parameters"]
    assert (parameters["contestant"], parameters["reason"], parameters["deadline_met"]) == (
        "primary",
        "preferred",
        True,
    )
    assert "primary" in {candidate["contestant"] for candidate in json.loads(parameters["candidates"])}


@pytest.mark.parametrize("binary", [True, False])
def test_tritons_client_infers_with_a_tensor_and_wants_outputs_its_way(client: Any, binary: bool) -> None:  # noqa: FBT001 - a case
    values = np.array([[1, 2, 3, 4]], np.float32)
    tensor = triton.InferInput("input", [1, 4], "FP32").set_data_from_numpy(values, binary_data=binary)
    wanted = [triton.InferRequestedOutput("output", binary_data=binary)]
    result = client.infer("numbers", [tensor], outputs=wanted)
    assert result.as_numpy("output").tolist() == [1, -2, 3]


def test_tritons_client_infers_with_pixels_and_with_json_text(client: Any) -> None:
    pixels = np.full((SIDE, SIDE, 1), 10, np.uint8)
    tensor = triton.InferInput("input", list(pixels.shape), "UINT8").set_data_from_numpy(pixels)
    assert client.infer("light", [tensor]).as_numpy("label").tolist() == [b"dark"]
    in_json = of_bytes(b"[1, 2, 3, 4]", binary=False)
    assert client.infer("numbers", [in_json]).as_numpy("output").tolist() == [1, -2, 3]


def test_tritons_client_passes_a_deadline_and_an_operator_s_choice(client: Any) -> None:
    parameters = {"deadline_ms": 4000, "policy": "force:backup", "operator_token": TOKEN}
    result = client.infer("light", [of_bytes(picture(255))], parameters=parameters)
    assert result.as_numpy("label").tolist() == [b"dark"], "the contrary one says so"
    found = result.get_response()["parameters"]
    assert (found["contestant"], found["reason"]) == ("backup", "forced")
    with pytest.raises(InferenceServerException, match="operator's token"):
        client.infer("light", [of_bytes(picture(255))], parameters={"policy": "force:backup"})


# ---- with plain clients


def test_the_readiness_document_has_both_keys_that_are_about(caller: HttpCaller) -> None:
    assert caller.ask("GET", "/v2/health/ready") == (200, {"ready": True, "live": True})
    assert caller.ask("GET", "/v2/models/light/ready") == (200, {"name": "light", "ready": True})


def test_an_image_may_come_as_base64(agent: AgentProcess) -> None:
    host, port = address_of(agent)
    image = base64.b64encode(picture(0)).decode()
    tensor = {"parameters": {"content_encoding": "base64"}, "datatype": "BYTES", "shape": [1], "name": "x"}
    body = json.dumps({"inputs": [tensor | {"data": [image]}]}).encode()
    url = f"http://{host}:{port}/v2/models/light/versions/1/infer"
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=30) as response:
        assert outputs(json.load(response))["label"] == ["dark"]


def test_curl_is_told_what_is_wrong(agent: AgentProcess, tmp_path: Path) -> None:
    host, port = address_of(agent)
    (tmp_path / "large").write_bytes(bytes(2 << 20))
    command = ["curl", "-s", "-w", "%{http_code}", "--data-binary", f"@{tmp_path / 'large'}"]
    done = subprocess.run(
        [*command, f"http://{host}:{port}/v2/models/light/infer"], capture_output=True, text=True, check=True
    )
    document, status = json.loads(done.stdout[:-3]), done.stdout[-3:]
    assert (status, document["code"]) == ("413", "oip.too_large")
    assert "send the tensor as binary data" in document["error"]


def test_a_bad_image_gets_the_default_and_the_reason(caller: HttpCaller) -> None:
    status, document = caller.infer("light", b"\xff\xd8\xff and then nonsense")
    assert status == 200
    assert outputs(document) == {"label": ["unknown"]}
    assert document["parameters"]["reason"] == "default"
    assert document["parameters"]["error_code"].startswith("input.")


def test_a_repeated_id_gets_the_answer_it_got(caller: HttpCaller, agent: AgentProcess) -> None:
    before = agent.status["tasks"]["numbers"]["repeated"]
    payload = npy(np.arange(4, dtype=np.float32).reshape(1, 4))
    answers = [caller.infer("numbers", payload, id="once")[1] for _ in range(2)]
    other = caller.infer("numbers", npy(np.ones((1, 4), np.float32)), id="once")[1]
    assert outputs(answers[0]) == outputs(answers[1]) == {"output": [0, -1, 2]}
    assert outputs(other) == {"output": [1, -1, 1]}, "the same id for another input is another request"
    assert agent.status["tasks"]["numbers"]["repeated"] == before + 1


def test_a_deadline_that_cannot_be_met_is_answered_in_time_all_the_same(caller: HttpCaller) -> None:
    status, document = caller.infer("light", picture(), parameters={"deadline_ms": 0.01})
    assert status == 200
    assert document["parameters"]["reason"] in ("default", "deadline")


def test_the_status_tells_of_http(agent: AgentProcess, caller: HttpCaller) -> None:
    caller.infer("light", picture())
    status = agent.status["http"]
    assert status["inputs"] >= 1
    assert status["connections"] >= 1


# ---- life


def test_other_machines_need_the_token(bundles: Bundles, tmp_path: Path) -> None:
    section = f'[http]\nlisten = "0.0.0.0:0"\ntoken_sha256 = "{TOKEN_SHA256}"\n'
    with AgentProcess(tmp_path, BROKERLESS, section + task_toml("light", {"primary": bundles.sure})) as agent:
        agent.start(wait=False)
        _, port = address_of(agent)
        with HttpCaller(("127.0.0.1", port)) as stranger:
            until(lambda: stranger.ask("GET", "/v2/health/ready")[0] == 200, "ready")
            assert stranger.infer("light", picture())[0] == 401
        with HttpCaller(("127.0.0.1", port), Authorization=f"Bearer {TOKEN}") as known:
            assert outputs(known.infer("light", picture())[1])["label"] == ["bright"]


def test_an_agent_is_live_before_it_is_ready_and_answers_what_it_took_before_it_goes(
    mosquitto: Mosquitto, bundles: Bundles, tmp_path: Path
) -> None:
    tasks = HTTP + task_toml("light", {"primary": bundles.sure})
    with AgentProcess(tmp_path, mosquitto.url, tasks) as agent:
        agent.start(wait=False)
        with HttpCaller(address_of(agent)) as caller:
            assert caller.ask("GET", "/v2/health/live") == (200, {"live": True})
            until(lambda: caller.ask("GET", "/v2/health/ready")[0] == 200, "ready")
            status, document = caller.infer("light", picture())
            assert (status, outputs(document)["label"]) == (200, ["bright"])
            assert agent.stop() == 0


def test_a_port_that_is_taken_is_tried_again_and_keeps_no_answer_back(bundles: Bundles, tmp_path: Path) -> None:
    tasks = task_toml("light", {"primary": bundles.sure})
    with AgentProcess(tmp_path / "first", BROKERLESS, HTTP + tasks) as first:
        first.start(wait=False)
        address = ListenAddress(*address_of(first))
        section = f'[http]\nlisten = "{address}"\n'
        with AgentProcess(tmp_path / "second", BROKERLESS, section + tasks, device="cam-02") as second:
            second.start(wait=False)
            until(lambda: second.running and "http.cannot_listen" in second.status["complaints"], "it complains")
            first.kill()
            assert address_of(second) == address


def test_http_is_off_where_nobody_asked_for_it(bundles: Bundles, tmp_path: Path) -> None:
    with AgentProcess(tmp_path, BROKERLESS, task_toml("light", {"primary": bundles.sure})) as agent:
        agent.start(wait=False)
        until(lambda: agent.running, "it runs")
        assert agent.status["http"] is None


def test_urllib_reads_an_error(agent: AgentProcess) -> None:
    host, port = address_of(agent)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"http://{host}:{port}/v2/models/dark", timeout=30)
    with caught.value as error:
        assert (error.code, error.reason) == (404, "Not Found")
        assert json.load(error)["code"] == "oip.unknown_model"


def test_a_tensor_in_json_is_bounded(caller: HttpCaller) -> None:
    body = tensor_request([0] * 70_000, "UINT8", shape=[70_000])
    status, document = caller.ask("POST", "/v2/models/light/infer", body)
    assert (status, document["code"]) == (413, "oip.too_large")
