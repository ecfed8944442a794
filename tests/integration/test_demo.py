"""The demo as a person starts it: every answer by its deadline, a report that says so, nothing left behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
# Loose, as other tests share the machine; the demo's own default is tighter.
DEADLINE_MS = "1000"


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-P", "-m", "scripts.roost_demo", *map(str, arguments)]


def environment(scratch: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(scratch)}


def play(tmp_path: Path, *arguments: str | Path) -> tuple[dict[str, Any], str]:
    """Run the demo to its end; returns its report and what it printed."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    report = tmp_path / "report.json"
    result = subprocess.run(
        command("--exit", "--report", report, "--seconds", "6", "--deadline-ms", DEADLINE_MS, *arguments),
        env=environment(scratch),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert not list(scratch.glob("roost-demo-*"))
    return json.loads(report.read_text()), result.stdout


def test_breaking_the_primaries_costs_no_answer(tmp_path: Path) -> None:
    report, printed = play(tmp_path)

    assert report["answers"] == report["by_deadline"] > 50
    assert report["lost"] == report["unexpected"] == 0
    assert report["accuracy"] > 0.8
    assert sum(report["by_reason"].values()) == report["answers"]
    assert report["latency_ms"]["p50"] <= report["latency_ms"]["p99"]

    well, broken, recovered, asking, cut = report["by_act"]
    assert well["by_contestant"]["primary"] > 0.9 * well["answers"]
    assert broken["by_contestant"]["backup"] > 0
    assert all(strikes > 0 for strikes in broken["strikes"].values())
    assert set(recovered["primary_back_s"]) == set(report["devices"])
    assert "answered once, by its deadline" in printed

    roles = {one["name"]: one["role"] for one in report["contestants"]}
    assert roles.pop("cloud") == "answer"
    assert roles == {"primary": "answer", "backup": "answer", "baseline": "baseline", "shadow": "shadow"}
    assert asking["by_contestant"]["cloud"] > 0
    assert not any("cloud" in act["by_contestant"] for act in (well, broken, recovered))
    assert asking["answers"] == asking["by_deadline"] > 0
    assert cut["answers"] == cut["by_deadline"] > 0, "nobody waits for a cloud that cannot be reached"
    escalation = report["escalation"]
    assert 0.5 < escalation["together"]["kept_at_edge"] < 1
    assert escalation["edge_only"]["accuracy"] <= escalation["cloud_only"]["accuracy"]
    agreement = report["agreement"]["shadow"]
    assert 0.8 * agreement["compared"] < agreement["agreeing"] <= agreement["compared"]
    assert 20 < agreement["compared"] <= report["answers"], "each answer is compared with once at most"
    assert agreement["compared"] == sum(one["agreement"]["shadow"]["compared"] for one in report["devices"].values())
    assert "Agreement with the answers: shadow " in printed
    assert report["shadow_shares_process"]

    devices = report["cloud"]["devices"]
    assert {name: device["state"] for name, device in devices.items()} == {"cam-01": "online", "cam-02": "online"}
    assert all(device["certificate_expires_at"] is not None for device in devices.values())
    pushes = {push["bundle"].partition("@")[0]: push for push in report["cloud"]["pushes"]}
    assert set(pushes) == {f"digits:{version}" for version in "12345"}
    shadow = pushes["digits:4"]
    assert shadow["sent_bytes"] < shadow["present_bytes"], "the shadow's base is the primary's, and was there"
    assert "The cloud sees: cam-01 online, cam-02 online." in printed


@pytest.mark.skipif(not DATA.is_dir(), reason="the real meter photos are not beside the project")
def test_a_persons_own_pictures_and_model_are_played(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join([*"0123456789", "NaN"]))
    model = DATA / "models" / "meter-digits_1900_int8.tflite"
    report, _ = play(tmp_path, "--images", DATA / "meter-digits", "--model", model, "--labels", labels)

    assert report["task"] == "meter-digits"
    assert report["answers"] == report["by_deadline"] > 50
    assert report["by_act"][0]["accuracy"] > 0.85
    assert report["contestants"][0]["accuracy"] > report["contestants"][1]["accuracy"]


def test_a_wrong_command_line_is_named_and_no_traceback(tmp_path: Path) -> None:
    wrong = command("--images", "none", "--model", "m", "--labels", "pyproject.toml")
    result = subprocess.run(wrong, env=environment(tmp_path), cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "no such folder" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_no_child_outlives_the_demo(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(command("--seconds", "60"), env=environment(tmp_path), stdout=subprocess.DEVNULL) as demo:
        try:
            children = wait_for_children(psutil.Process(demo.pid))
            demo.send_signal(number)
            demo.wait(20)
        finally:
            demo.kill()  # it would go on for ever, and a failed test would wait for it
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
    if number is not signal.SIGKILL:
        assert not list(tmp_path.glob("roost-demo-*"))


def wait_for_children(demo: psutil.Process) -> list[psutil.Process]:
    """The broker, two agents and three or more workers of each, once they all run."""
    children: list[psutil.Process] = []

    def are_all_up() -> bool:
        children[:] = demo.children(recursive=True)
        return len(children) >= 9

    until(are_all_up, "nine children", otherwise=lambda: children)
    return children
