"""Hardware delegates by configuration: loaded if there, a clear error if not. The hardware is a C file of our own."""

import gc
import shutil
import subprocess
from pathlib import Path

import pytest

from roost_shared.bundle import open_bundle
from roost_shared.bundle.build import build_bundle
from roost_shared.onnx.dense import write_dense_onnx
from roost_shared.pipeline import Pipeline
from roost_shared.runtime_settings import RuntimeSettings
from roost_shared.runtimes import ModelLoadError, NoDelegateError
from tests.support.agent import AgentProcess, Caller, run_command, task_toml, until
from tests.support.bundles import Bundles, picture
from tests.support.mosquitto import Mosquitto
from tests.support.tiny_bundle import COLOURS, colour_model

SOURCE = Path(__file__).parents[1] / "support" / "delegate.c"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler to make a delegate with: apt-get install gcc libc6-dev")
    path = tmp_path_factory.mktemp("delegate") / "libdelegate.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-Wall", "-Werror", "-o", path, SOURCE], check=True)
    return path


def _load(bundles: Bundles, delegate: Path | str, **options: str) -> Pipeline:
    return Pipeline.load(
        open_bundle(bundles.sure), RuntimeSettings(delegate=str(delegate), delegate_options=dict(options))
    )


def test_a_delegate_is_loaded_with_its_options_applied_and_freed(
    bundles: Bundles, library: Path, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    pipeline = _load(bundles, library, trace=str(trace))
    pipeline.check_golden()
    assert trace.read_text().split() == ["created", "prepared"]
    del pipeline
    gc.collect()
    assert trace.read_text().split() == ["created", "prepared", "destroyed"]


def test_a_delegate_that_finds_no_hardware_says_why(bundles: Bundles, library: Path) -> None:
    with pytest.raises(NoDelegateError) as caught:
        _load(bundles, library, refuse="no accelerator on this bus")
    assert (caught.value.code, caught.value.delegate) == ("runtime.no_delegate", str(library))
    assert caught.value.reason == "no accelerator on this bus"
    assert "hardware is there" in caught.value.remedy


def test_a_library_that_is_not_there_is_named(bundles: Bundles) -> None:
    with pytest.raises(NoDelegateError, match=r"delegate 'libnowhere\.so\.1' cannot be had: libnowhere\.so\.1"):
        _load(bundles, "libnowhere.so.1")


def test_a_library_that_is_no_delegate_is_named(bundles: Bundles) -> None:
    with pytest.raises(NoDelegateError, match="tflite_plugin_create_delegate"):
        _load(bundles, "libc.so.6")


def test_a_delegate_that_cannot_take_the_graph_is_named_with_the_model(bundles: Bundles, library: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"with delegate '.*libdelegate"):
        _load(bundles, library, spoil="yes")


def test_an_agent_gives_each_contestant_its_own_delegate(
    bundles: Bundles, library: Path, tmp_path: Path, mosquitto: Mosquitto
) -> None:
    trace = tmp_path / "trace"
    good = f'delegate = "{library}"\ndelegate_options = {{ trace = "{trace}" }}\n'
    bad = 'delegate = "libnowhere.so.1"\n'
    tasks = task_toml("light", {"good": bundles.sure}) + good
    tasks += f'[[tasks.light.contestants]]\nname = "bad"\nbundle = "{bundles.contrary}"\n{bad}'
    with AgentProcess(tmp_path / "agent", mosquitto.url, tasks) as agent:
        checked = run_command("check", "--config", agent.config)
        assert checked.returncode == 1
        assert "light/bad: refused: runtime.no_delegate: delegate 'libnowhere.so.1' cannot be had" in checked.stderr
        assert "light/good: ok" in checked.stdout
        trace.unlink()
        agent.start(wait=False)
        until(lambda: agent.connected and agent.contestant("light", "good")["state"] == "ready", "good is ready")
        assert trace.read_text().split() == ["created", "prepared"]
        until(lambda: agent.contestant("light", "bad")["last_error"], "bad has told why")
        assert agent.contestant("light", "bad")["last_error"]["code"] == "runtime.no_delegate"
        with Caller(mosquitto.port) as caller:
            answer = caller.ask(picture(255))
        assert (answer["label"], answer["contestant"]) == ("bright", "good")


def _load_onnx(folder: Path, provider: str) -> Pipeline:
    twin = colour_model(write=write_dense_onnx)
    bundle = build_bundle({}, folder / "b", onnx={"model": twin}, name="b", version="1", labels=COLOURS).bundle
    return Pipeline.load(bundle, RuntimeSettings(delegate=provider))


def test_an_execution_provider_that_is_there_runs_the_model(tmp_path: Path) -> None:
    _load_onnx(tmp_path, "CPUExecutionProvider").check_golden()


def test_an_execution_provider_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(NoDelegateError, match=r"delegate 'ABCExecutionProvider' .* has only .*CPUExecutionProvider"):
        _load_onnx(tmp_path, "ABCExecutionProvider")
