"""The units in firmware-config: systemd takes them, they expose little, and the agent does its work inside."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from roost_edge.agent import GOODBYE_NS, WORKER_GOODBYE_NS
from roost_edge.intake.folder import GOODBYE_S
from roost_edge.settings.config import TaskConfig
from roost_shared.bundle.build import build_bundle
from roost_shared.bundle.manifest import StageName
from roost_shared.clock import SECOND, ms_to_ns
from roost_shared.onnx.dense import write_dense_onnx
from tests.support.agent import AgentProcess, Caller, task_toml, until
from tests.support.bundles import npy
from tests.support.mosquitto import Mosquitto
from tests.support.sandbox import sandboxed_python
from tests.support.systemd import UNITS, analyze, exposure, settings
from tests.support.tiny_bundle import COLOURS, colour_model, tiny_bundle

SERVICES = ["roost-agent.service", "roost-cloud.service"]
AGENT = UNITS / "roost-agent.service"
EXPOSURE = 1.5  # of 10, by systemd 252; what remains is that these programs use the network


@pytest.fixture(params=SERVICES)
def installed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A unit whose program is there: this environment's, in place of /opt/roost."""
    name: str = request.param
    unit = tmp_path / name
    text = (UNITS / name).read_text()
    unit.write_text(text.replace("/opt/roost/bin/", f"{Path(sys.executable).parent}/"))
    assert unit.read_text() != text
    return unit


def test_systemd_takes_the_unit_without_a_remark(installed: Path) -> None:
    verified = analyze("verify", "--man=no", installed)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


def test_a_mistake_in_a_unit_would_be_found(tmp_path: Path) -> None:
    unit = tmp_path / "roost-agent.service"
    unit.write_text(AGENT.read_text().replace("PrivateTmp=yes", "PrivateTemp=yes"))
    assert "PrivateTemp" in analyze("verify", "--man=no", unit).stderr


def test_the_unit_exposes_little(installed: Path) -> None:
    assert exposure(installed) <= EXPOSURE


def test_a_unit_without_its_sandbox_would_be_found(tmp_path: Path) -> None:
    unit = tmp_path / "bare.service"
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    assert exposure(unit) > 9


def test_the_drop_in_for_accelerators_is_taken(tmp_path: Path) -> None:
    unit = tmp_path / AGENT.name
    unit.write_text(AGENT.read_text().replace("/opt/roost/bin/roost-agent", "/bin/true"))
    drop_in = tmp_path / f"{AGENT.name}.d"
    drop_in.mkdir()
    text = (UNITS / "accelerator.conf").read_text()
    (drop_in / "accelerator.conf").write_text(re.sub(r"(?m)^#(?=[A-Z]\w+=)", "", text))
    assert analyze("verify", "--man=no", unit).stderr == ""
    assert exposure(unit) > 1, "it is read"


def test_every_service_s_user_is_made() -> None:
    users = {line.split()[1] for line in (UNITS / "sysusers.conf").read_text().splitlines() if line.startswith("u ")}
    assert users == {settings(UNITS / name)["User"][0] for name in SERVICES}


def test_systemd_waits_longer_for_the_end_than_the_goodbye_takes() -> None:
    longest_ns = ms_to_ns(TaskConfig().deadline_ms) + GOODBYE_NS + WORKER_GOODBYE_NS + GOODBYE_S * SECOND
    assert int(settings(AGENT)["TimeoutStopSec"][0]) * SECOND > 3 * longest_ns


# ---- inside the sandbox


@pytest.fixture
def python(tmp_path: Path) -> Path:
    return sandboxed_python(AGENT, tmp_path)


@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        ("import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)", "PermissionError"),
        ("import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", "Address family not supported"),
        ("import os; os.setuid(65534)", "PermissionError"),
        ("import os; os.chroot('/')", "PermissionError"),
    ],
)
def test_the_sandbox_of_these_tests_holds(python: Path, attempt: str, error: str) -> None:
    done = subprocess.run([python, "-c", attempt], capture_output=True, text=True, timeout=30, check=False)
    assert error in done.stderr


def test_the_agent_and_its_workers_do_their_work_inside(python: Path, mosquitto: Mosquitto, tmp_path: Path) -> None:
    """On both runtimes; and a killed worker is replaced, since starting one is the most the agent asks of a system."""
    twin: dict[StageName, bytes] = {"model": colour_model(write=write_dense_onnx)}
    tiny_bundle(tmp_path / "lite")
    build_bundle({}, tmp_path / "onnx", onnx=twin, name="onnx", version="1", labels=COLOURS)
    tasks = "".join(task_toml(name, {"only": tmp_path / name}) for name in ("lite", "onnx"))
    green = np.zeros((4, 4, 3), np.uint8)
    green[:, :, 1] = 200
    with (
        AgentProcess(tmp_path / "agent", mosquitto.url, tasks, python=python) as agent,
        Caller(mosquitto.port) as caller,
    ):
        agent.start()
        for task in ("lite", "onnx"):
            worker = agent.signal_worker(task, "only", signal.SIGKILL)
            until(lambda: agent.contestant(task, "only")["restarts"] == 1, "it is started again")  # noqa: B023 - called at once
            agent.until_ready(task, "only")
            assert agent.contestant(task, "only")["pid"] != worker
            assert caller.ask(npy(green), task)["label"] == "green"
            for pid in (agent.pid, agent.contestant(task, "only")["pid"]):
                assert "Seccomp:\t2" in Path(f"/proc/{pid}/status").read_text(), "it is confined"
        assert agent.stop() == 0
