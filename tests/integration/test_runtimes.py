"""The same bundles on every runtime: LiteRT and ONNX Runtime here, tflite-runtime in an environment of its own."""

from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from roost_shared.bundle import open_bundle
from roost_shared.bundle.build import build_bundle
from roost_shared.bundle.manifest import StageName
from roost_shared.onnx.dense import write_dense_onnx
from roost_shared.pipeline import Pipeline
from roost_shared.runtime_settings import RuntimeName, RuntimeSettings
from tests.support.agent import AgentProcess, Caller, run_command, task_toml, until
from tests.support.bundles import npy, picture
from tests.support.mosquitto import Mosquitto
from tests.support.shared_data import SHARED_DATA, needs_shared_data
from tests.support.tflite_runtime_env import tflite_runtime_python
from tests.support.tiny_bundle import COLOURS, colour_model, tiny_bundle

__all__ = ["tflite_runtime_python"]

HERE: tuple[RuntimeName, ...] = ("litert", "onnxruntime")
MODELS = ["meter-digits_1900_int8", "meter-digits_2000_float", "mobilenet_v1_0.25_128_quant"]


class Formats(NamedTuple):
    """Bundles of one network: it tells which of three colours is the strongest."""

    both: Path
    tflite: Path
    onnx: Path


@pytest.fixture(scope="module")
def formats(tmp_path_factory: pytest.TempPathFactory) -> Formats:
    folder = tmp_path_factory.mktemp("formats")
    twin: dict[StageName, bytes] = {"model": colour_model(write=write_dense_onnx)}
    made = Formats(folder / "both", folder / "tflite", folder / "onnx")
    tiny_bundle(made.both, onnx=twin)
    tiny_bundle(made.tflite)
    build_bundle({}, made.onnx, onnx=twin, name="onnx", version="1", labels=COLOURS)
    return made


LIBRARIES: Final[dict[str, str]] = {"litert": "/ai_edge_litert/", "onnxruntime": "/onnxruntime/"}


def _mapped(agent: AgentProcess, contestant: str) -> str:
    """The files that a contestant's worker has mapped, libraries among them."""
    return Path(f"/proc/{agent.contestant('light', contestant)['pid']}/maps").read_text()


def _colour(channel: int) -> NDArray[Any]:
    pixels = np.full((4, 4, 3), 20, np.uint8)
    pixels[:, :, channel] = 200
    return pixels


def _contestant(name: str, bundle: Path, **settings: str) -> str:
    lines = [f'{key} = "{value}"' for key, value in {"name": name, "bundle": bundle, **settings}.items()]
    return "\n".join(["[[tasks.light.contestants]]", *lines, ""])


@pytest.mark.parametrize("name", HERE)
def test_the_golden_vectors_pass_on_every_runtime_here(formats: Formats, name: RuntimeName) -> None:
    Pipeline.load(open_bundle(formats.both), RuntimeSettings(name=name)).check_golden()


def test_an_agent_runs_each_contestant_by_the_runtime_it_names(
    formats: Formats, tmp_path: Path, mosquitto: Mosquitto
) -> None:
    tasks = task_toml("light", {})
    for name in HERE:
        tasks += _contestant(name, formats.both, runtime=name)
    tasks += _contestant("impossible", formats.onnx, runtime="litert")
    with AgentProcess(tmp_path / "agent", mosquitto.url, tasks) as agent, Caller(mosquitto.port) as caller:
        checked = run_command("check", "--config", agent.config)
        assert checked.returncode == 1
        assert "light/impossible: refused: device.no_runtime: the configuration asks for litert" in checked.stderr
        agent.start(wait=False)
        until(lambda: agent.connected, "the agent is connected")
        for name in HERE:
            agent.until_ready("light", name)
            assert LIBRARIES[name] in _mapped(agent, name)
        assert LIBRARIES["onnxruntime"] not in _mapped(agent, "litert")
        assert caller.ask(npy(_colour(1)))["label"] == "green"


def test_a_device_with_only_tflite_runtime_checks_and_answers(
    formats: Formats, tmp_path: Path, mosquitto: Mosquitto, tflite_runtime_python: Path
) -> None:
    tasks = task_toml("light", {"only": formats.both})
    agent = AgentProcess(tmp_path / "agent", mosquitto.url, tasks, python=tflite_runtime_python)
    with agent, Caller(mosquitto.port) as caller:
        checked = run_command("check", "--config", agent.config, python=tflite_runtime_python)
        assert checked.returncode == 0, checked.stderr
        assert "light/only: ok" in checked.stdout
        agent.start()
        assert "/tflite_runtime/" in _mapped(agent, "only")
        answers = [caller.ask(npy(_colour(channel))) for channel in range(3)]
        assert [answer["label"] for answer in answers] == COLOURS
        assert caller.ask(picture(200))["candidates"][0]["error"] is None


def test_a_bundle_whose_runtime_is_missing_is_refused_with_the_command_that_installs_it(
    formats: Formats, tmp_path: Path, mosquitto: Mosquitto, tflite_runtime_python: Path
) -> None:
    tasks = task_toml("light", {"missing": formats.onnx, "present": formats.tflite})
    agent = AgentProcess(tmp_path / "agent", mosquitto.url, tasks, python=tflite_runtime_python)
    with agent, Caller(mosquitto.port) as caller:
        checked = run_command("check", "--config", agent.config, python=tflite_runtime_python)
        assert checked.returncode == 1
        assert checked.stderr.startswith("light/missing: refused: device.no_runtime: ")
        assert "onnxruntime: pip install 'roost[onnx]'" in checked.stderr
        agent.start(wait=False)
        until(lambda: agent.connected, "the agent is connected")
        agent.until_ready("light", "present")
        until(lambda: agent.contestant("light", "missing")["last_error"], "the refusal is known")
        answer = caller.ask(npy(_colour(2)))
        assert (answer["label"], answer["contestant"]) == ("blue", "present")
        [missing] = [one for one in answer["candidates"] if one["contestant"] == "missing"]
        assert "pip install 'roost[onnx]'" in missing["error"]["message"]


@needs_shared_data
@pytest.mark.parametrize("name", MODELS)
def test_golden_vectors_of_real_models_pass_on_tflite_runtime(
    tmp_path: Path, name: str, tflite_runtime_python: Path
) -> None:
    model = SHARED_DATA / "models" / f"{name}.tflite"
    build_bundle({"model": model}, tmp_path / "b", name="real", version="1")
    agent = AgentProcess(tmp_path / "agent", "mqtt://127.0.0.1", task_toml("real", {"only": tmp_path / "b"}))
    checked = run_command("check", "--config", agent.config, python=tflite_runtime_python)
    assert checked.returncode == 0, checked.stderr
