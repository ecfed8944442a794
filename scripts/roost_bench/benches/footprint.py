"""What an agent with one MobileNetV2 costs: memory, time from start to the first answer, size on disk."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from roost_shared.bundle.build import build_bundle
from scripts.roost_bench.bench import Goal, Options, Result
from scripts.roost_bench.benches.answer import INPUT, MODEL, OUTPUT, TASK, photo
from scripts.roost_bench.site import Agent, Caller, agent, agent_toml, mosquitto, pss_mb

GOALS = (
    Goal("pss_mb", at_most=75, unit="MB"),
    Goal("first_answer_s", at_most=1, unit="s"),
)
COMPARED_WITH = "nothing: absolute; PSS counts what agent and worker share once; disk is a fresh roost[edge] venv"

ROOT: Final = Path(__file__).parents[3]
STATE: Final = "roost/1/acme/d/cam-01/state"


def run(options: Options) -> Result:
    """Start the agent several times, then weigh it."""
    nothing = {"pss_mb": None, "first_answer_s": None, "installed_mb": None}
    if options.data is None:
        return {**nothing, "limited_by": "../shared/data is absent"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = options.data / "models" / MODEL
        labels = (options.data / "models" / "imagenet_labels.txt").read_text().splitlines()
        build_bundle({"model": model.read_bytes()}, folder / "bundle", name="photos", version="1", labels=labels)
        payload = photo(options.data / "photos" / "parrot.jpg")
        with mosquitto(folder) as broker:
            with agent(folder / "agent", broker, TASK) as running, Caller(broker.port) as caller:
                memory = _memory(running, caller, payload)
            starts = [
                _first_answer_s(folder / "agent", agent_toml(broker, TASK), broker.port, payload)
                for _ in range(1 if options.quick else 7)
            ]
    return {
        **memory,
        "first_answer_s": statistics.median(starts),
        "first_answer_worst_s": max(starts),
        "installed_mb": None if options.quick else _installed_mb(),
    }


def _memory(running: Agent, caller: Caller, payload: bytes) -> Result:
    answers: list[bytes] = []
    caller.on(OUTPUT, lambda answer, _: answers.append(answer))
    for _ in range(50):
        answers.clear()
        caller.publish(INPUT, payload)
        caller.wait(lambda: bool(answers))
    agent_mb = pss_mb(running.process.pid)
    worker_mb = pss_mb(running.contestant("photos", "primary")["pid"])
    return {"pss_mb": agent_mb + worker_mb, "agent_pss_mb": agent_mb, "worker_pss_mb": worker_mb}


def _first_answer_s(folder: Path, toml: str, port: int, payload: bytes) -> float:
    """Seconds from starting the process to its first answer; the input waits at the broker in its session."""
    with Caller(port) as caller:
        answers: list[int] = []
        caller.on(OUTPUT, lambda _, received_ns: answers.append(received_ns))
        caller.publish(INPUT, payload, qos=1)
        time.sleep(0.2)  # the broker queues it; nothing tells when
        began_ns = time.monotonic_ns()
        running = Agent(folder, toml)
        try:
            caller.wait(lambda: bool(answers))
        finally:
            running.stop()
    return (answers[0] - began_ns) / 1e9


def _installed_mb() -> float:
    """Megabytes of what pip installs for roost[edge], at the pinned versions."""
    with tempfile.TemporaryDirectory() as name:
        site = Path(name) / "site"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--quiet", "--target", str(site)]
        lock = ROOT / "scripts" / "constraints" / "edge.txt"
        subprocess.run([*pip, "--require-hashes", "-r", str(lock)], check=True)
        subprocess.run([*pip, "--no-deps", "--no-build-isolation", str(ROOT)], check=True)
        return sum(file.stat().st_size for file in site.rglob("*") if file.is_file()) / 1e6
