"""The demo as a person starts it: every answer by its deadline, every kept input in the cloud, nothing left behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psutil
import pytest

from tests.support.browser import CHROMIUM
from tests.support.demo_walk import walk_demo
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
# Loose, as other tests share the machine; the demo's own default is tighter.
DEADLINE_MS = "1000"
RATE = "12"  # what goes on beside the pictures takes its time, and each of them the processor's
CAMERAS = ("cam-01", "cam-02", "cam-03", "cam-04")
PATIENCE_S = 600  # it takes a quarter of that by itself; a slow machine, shared with other tests, far longer
EVERYBODY = 26  # a broker, a cloud, four agents, and of each a spooler, an installer and at least three workers


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-P", "-m", "scripts.roost_demo", *map(str, arguments)]


def environment(scratch: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(scratch)}


@contextmanager
def started(
    *arguments: str | Path, scratch: Path, output: IO[bytes] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The demo, which is killed where a test does not end it."""
    with subprocess.Popen(
        command(*arguments), env=environment(scratch), stdout=output or subprocess.DEVNULL, stderr=subprocess.STDOUT
    ) as demo:
        try:
            yield demo
        finally:
            demo.kill()


def play(
    tmp_path: Path,
    *arguments: str | Path,
    interrupt_at: str | None = None,
    before: Callable[[str], None] = lambda _: None,
) -> tuple[dict[str, Any], str]:
    """Run the demo to its end, or Ctrl-C it once it has printed that and `before` has looked at it.

    Returns its report and what it printed.
    """
    scratch, report, printed = tmp_path / "scratch", tmp_path / "report.json", tmp_path / "printed"
    scratch.mkdir()
    options = ["--report", report, "--seconds", "9", "--rate", RATE, "--deadline-ms", DEADLINE_MS, *arguments]
    children: list[psutil.Process] = []
    with printed.open("wb") as output, started(*options, scratch=scratch, output=output) as demo:
        if interrupt_at is not None:
            until(
                lambda: interrupt_at in printed.read_text() or demo.poll() is not None,
                f"it says {interrupt_at!r}",
                PATIENCE_S,
            )
            assert demo.poll() is None, printed.read_text()
            before(printed.read_text())
            children = psutil.Process(demo.pid).children(recursive=True)
            demo.send_signal(signal.SIGINT)
        demo.wait(PATIENCE_S)
    assert demo.returncode == 0, printed.read_text()
    assert not list(scratch.glob("roost-demo-*"))
    if interrupt_at is not None:
        assert len(children) >= EVERYBODY
        assert not psutil.wait_procs(children, timeout=20)[1]
    return json.loads(report.read_text()), printed.read_text()


@pytest.mark.timeout(2 * PATIENCE_S + 60)
def test_neither_broken_models_nor_a_cut_link_cost_an_answer_or_an_input(tmp_path: Path) -> None:
    report, printed = play(tmp_path, interrupt_at="roost samples list")

    assert report["answers"] == report["by_deadline"] > 50
    assert report["lost"] == report["unexpected"] == 0
    assert report["accuracy"]["all"] > 0.7
    assert sum(report["by_reason"].values()) == report["answers"]
    assert report["latency_ms"]["p50"] <= report["latency_ms"]["p99"]

    well, broken, recovered, asking, refused, *changed, cut = report["by_act"]
    assert [act["title"] for act in changed] == ["dirty", "refined", "rollout", "worse"]
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
    for act in (refused, *changed):
        assert act["answers"] == act["by_deadline"] > 0, "no answer waits for a new version"
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
    assert {name: device["state"] for name, device in devices.items()} == dict.fromkeys(CAMERAS, "online")
    assert all(device["certificate_expires_at"] is not None for device in devices.values())
    pushes = {push["bundle"].partition("@")[0]: push for push in report["cloud"]["pushes"]}
    assert set(pushes) == {f"digits:{version}" for version in "12345"}
    check_new_versions(report, fetched_below=6_000)
    shadow = pushes["digits:4"]
    assert shadow["sent_bytes"] < shadow["present_bytes"], "the shadow's base is the primary's, and was there"
    assert "The cloud sees: cam-01 online, cam-02 online, cam-03 online, cam-04 online." in printed
    check_drift(report, printed)
    check_story(report, printed)

    check_capture(report)
    assert "each exactly once and as it was sent" in printed
    assert "What if the primary's bar were 0.9 instead of 0.95?" in printed


def check_drift(report: dict[str, Any], printed: str) -> None:
    """The cloud named the two cameras whose lens was dirty and no other, and what was wrong with it."""
    drift = report["drift"]
    assert (drift["dirty"], drift["as_expected"], drift["error"]) == (["cam-02", "cam-03"], True, None)
    assert [one["device"] for one in drift["alarms"]] == drift["dirty"]
    for alarm in drift["alarms"]:
        moved = {one["word"]: one["deviations"] for one in alarm["moved"]}
        assert moved["contrast"] < -3
        assert moved["sharpness of edges"] < -3
        assert alarm["samples"]
        assert all(sample.startswith(f"{alarm['device']}/") for sample in alarm["samples"])
        assert f"ALARM {alarm['device']}: " in printed


def check_story(report: dict[str, Any], printed: str) -> None:
    """From the alarm to a better model on all devices and better answers; worse candidates came to none."""
    story, accuracy = report["story"], report["accuracy"]
    assert story["as_expected"]
    assert accuracy["drifted"] < accuracy["after"]
    assert accuracy["drifted"] < accuracy["before"]
    assert report["alarm"]["delay_windows"] > 0
    assert "cam-02: " in report["alarm"]["explanation"]
    assert report["train_s"] > 0

    runs, rollouts, labels = story["runs"], story["rollouts"], story["labels"]
    refined, good, worse = runs["refined"], rollouts["good"], rollouts["worse"]
    assert (refined["cause"], refined["state"], refined["failed"]) == ("alarm", "registered", [])
    assert labels["training"] >= 160
    assert labels["disagreed"] > 0
    assert report["labels_used"] == labels["training"] + labels["disagreed"]
    assert "labelled by the demo, which knows the truth" in printed
    assert (good["state"], set(good["confirmed"])) == ("finished", set(CAMERAS))
    assert report["rollout"] == {"confirmed": len(CAMERAS), "failed": 0, "reverted": 0}
    assert 0 < report["bundle_bytes_shipped"] < len(CAMERAS) * 6_000, "heads alone were fetched"
    for install in good["installs"].values():
        assert install["evidence"]["golden"]

    assert runs["refused"]["state"] == "refused"
    assert runs["refused"]["failed"], "it says why"
    assert (runs["passed"]["state"], worse["state"]) == ("registered", "stopped")
    assert (worse["confirmed"], worse["answering"]) == ({}, []), "nobody was exposed"
    assert "worse" in worse["reason"]


def check_new_versions(report: dict[str, Any], *, fetched_below: int) -> None:
    """The devices took the better bundle, and neither the tampered nor the slow one."""
    renewal = report["new_versions"]
    assert (renewal["as_expected"], renewal["error"]) == (True, None)
    assert set(renewal["confirmed"]) == set(report["devices"])
    for device in renewal["confirmed"].values():
        assert 0 < device["fetched_bytes"] < fetched_below, "the base was there"
        assert device["evidence"]["crashes"] == 0
    assert renewal["tampered"]["code"] == "download.wrong_bytes"
    assert renewal["slow"]["code"] == "install.slow"


def check_capture(report: dict[str, Any]) -> None:
    """The inputs that were kept are in the cloud, those of the cut link too, and it can answer for them."""
    capture = report["capture"]
    assert capture["exactly_once"]
    assert capture["kept"] == capture["in_cloud"] > 10
    assert capture["recorded"] == capture["answers"] == report["answers"]
    assert (capture["wrong"], capture["drained_s"] is not None) == (0, True)
    for device in capture["devices"].values():
        assert device["kept"] == sum(device["kept_for"].values()) == device["uploaded"] == device["in_cloud"] > 0
        assert device["spooled_at_mend"] > device["spooled_at_cut"], "what is kept while the link is cut waits for it"
        assert device["spooled"] == 0
    assert {"disagreement", "base_rate"} <= {kind for one in capture["devices"].values() for kind in one["kept_for"]}
    replay = report["replay"]
    assert replay["reproduced"] == replay["replayed"] > 0
    assert (replay["bar"], replay["unknown"]) == (0.9, 0)
    assert replay["would_be"]["asked"] <= replay["recorded"]["asked"] > 0, "a lower bar asks no more"
    assert replay["recorded"]["accuracy"] > 0.8


@pytest.mark.campaign
@pytest.mark.timeout(2 * PATIENCE_S + 60)
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_the_dashboard_shows_what_the_house_made(tmp_path: Path) -> None:
    play(tmp_path, interrupt_at="roost samples list", before=walk_demo)


@pytest.mark.campaign
@pytest.mark.timeout(2 * PATIENCE_S + 60)
@pytest.mark.skipif(not DATA.is_dir(), reason="the real meter photos are not beside the project")
def test_a_persons_own_pictures_and_model_are_played(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join([*"0123456789", "NaN"]))
    model = DATA / "models" / "meter-digits_1900_int8.tflite"
    report, _ = play(tmp_path, "--exit", "--images", DATA / "meter-digits", "--model", model, "--labels", labels)

    assert report["task"] == "meter-digits"
    assert report["answers"] == report["by_deadline"] > 50
    assert report["by_act"][0]["accuracy"] > 0.85
    assert report["contestants"][0]["accuracy"] > report["contestants"][1]["accuracy"]
    assert report["capture"]["exactly_once"]
    check_new_versions(report, fetched_below=20_000)
    assert report["replay"]["recorded"]["asked"] == 0, "nobody in the cloud takes part"


def test_a_wrong_command_line_is_named_and_no_traceback(tmp_path: Path) -> None:
    wrong = command("--images", "none", "--model", "m", "--labels", "pyproject.toml")
    result = subprocess.run(wrong, env=environment(tmp_path), cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "no such folder" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("number", "children"),
    [
        pytest.param(signal.SIGTERM, 3, id="SIGTERM while it starts"),
        pytest.param(signal.SIGKILL, EVERYBODY, id="SIGKILL", marks=pytest.mark.campaign),
    ],
)
def test_no_child_outlives_the_demo(tmp_path: Path, number: signal.Signals, children: int) -> None:
    with started("--seconds", "60", scratch=tmp_path) as demo:
        process = psutil.Process(demo.pid)
        until(lambda: len(process.children(recursive=True)) >= children, f"{children} children came up", PATIENCE_S)
        family = process.children(recursive=True)
        demo.send_signal(number)
        demo.wait(20)
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive
    if number is not signal.SIGKILL:
        assert not list(tmp_path.glob("roost-demo-*"))
