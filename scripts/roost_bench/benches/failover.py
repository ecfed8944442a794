"""Answers at a steady rate while the primary hangs, crashes, errs and recovers in turn."""

import io
import os
import signal
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roost_shared.bundle.build import build_bundle
from roost_shared.bundle.spec import BuildSpec
from roost_shared.messages import Answer
from roost_shared.tflite.dense import DenseLayer, write_dense
from scripts.roost_bench.bench import Goal, Options, Result
from scripts.roost_bench.site import Agent, Caller, agent, mosquitto, read_answer

GOALS = (
    Goal("by_deadline_ratio", at_least=1),
    Goal("late_p999_ms", at_most=3, unit="ms"),
    Goal("restart_s", at_most=1, unit="s"),
)
COMPARED_WITH = (
    "nothing: absolute; lateness is past deadline − guard by the agent's clock, of answers that waited for it; "
    "by_deadline also needs the answer to reach the caller"
)

DEADLINE_MS: Final = 100
GUARD_MS: Final = 5
RATE_PER_S: Final = 250
PHASE_S: Final = 1.5
PHASES: Final = ("well", "hung", "well", "crashed", "well", "erring")
GAIN: Final = "site/gain"
INPUT: Final = "roost/1/acme/d/cam-01/in/digits"
OUTPUT: Final = "roost/1/acme/d/cam-01/out/digits"
# The backup never reaches its bar: while the primary hangs, every answer waits for the guard.
TASK: Final = f"""
[tasks.digits]
deadline_ms = {DEADLINE_MS}
guard_ms = {GUARD_MS}
default = "unknown"
[tasks.digits.inject]
gain = "{GAIN}"
[[tasks.digits.contestants]]
name = "primary"
bundle = "../primary"
[[tasks.digits.contestants]]
name = "backup"
bundle = "../backup"
[[tasks.digits.rules]]
accept = "primary"
[[tasks.digits.rules]]
accept = "backup"
min_confidence = 1.0
"""


def run(options: Options) -> Result:
    """Run the phases round and round until all requests are answered, then time restarts."""
    requests = 1500 if options.quick else 20_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _build(folder)
        with (
            mosquitto(folder) as broker,
            agent(folder / "agent", broker, TASK, in_flight=500) as running,
            Caller(broker.port) as caller,
        ):
            caller.publish(GAIN, b"1", qos=1)
            answers = _stream(running, caller, requests)
            restarts = [_restart_s(running) for _ in range(2 if options.quick else 7)]
    waited = [answer for answer in answers if answer.reason in ("deadline", "default") and _waited(answer)]
    late_ms = sorted(answer.elapsed_ms - (DEADLINE_MS - GUARD_MS) for answer in waited)
    by_deadline = sum(answer.deadline_met for answer in answers)
    return {
        "requests": requests,
        "by_deadline": by_deadline,
        "by_deadline_ratio": by_deadline / requests,
        "lost": requests - len(answers),
        "waited_for_guard": len(waited),
        "late_p999_ms": late_ms[int(0.999 * len(late_ms))] if late_ms else None,
        "late_max_ms": late_ms[-1] if late_ms else None,
        "restart_s": statistics.median(restarts),
        "restart_worst_s": max(restarts),
        "by_reason": dict(Counter(answer.reason for answer in answers)),
        "by_contestant": dict(Counter(answer.contestant or "-" for answer in answers)),
    }


def _build(folder: Path) -> None:
    """Two small networks; the primary needs external state, and errs while that is no number."""
    random = np.random.default_rng(1)
    labels = [str(digit) for digit in range(10)]

    def layers(inputs: int) -> list[DenseLayer]:
        hidden = DenseLayer(random.normal(size=(inputs, 64)) / 2550, random.normal(size=64) / 64, "relu")
        return [hidden, DenseLayer(random.normal(size=(64, 10)) / 64, random.normal(size=10) / 64, "softmax")]

    primary = write_dense(layers(65), input_shape=(1, 8, 8, 1), state={"gain": 1})
    backup = write_dense(layers(64), input_shape=(1, 8, 8, 1))
    spec = BuildSpec(document={"preprocessing": {"injected": {"gain": "gain"}}})
    build_bundle({"model": primary}, folder / "primary", name="digits", version="2", labels=labels, spec=spec)
    build_bundle({"model": backup}, folder / "backup", name="digits", version="1", labels=labels)


def _stream(running: Agent, caller: Caller, requests: int) -> list[Answer]:
    answers: list[Answer] = []
    caller.on(OUTPUT, lambda payload, _: answers.append(read_answer(payload)))
    payload = np.random.default_rng(2).integers(0, 256, (8, 8, 1), np.uint8)
    image = _npy(payload)
    began = time.monotonic()
    phase = -1
    for sent in range(requests):
        due = began + sent / RATE_PER_S
        if int((due - began) / PHASE_S) != phase:
            phase = int((due - began) / PHASE_S)
            _enter(PHASES[phase % len(PHASES)], running, caller)
        while (left_s := due - time.monotonic()) > 0:
            caller.serve(min(left_s, 0.01))
        caller.publish(INPUT, image)
    _enter("well", running, caller)
    caller.wait(lambda: len(answers) >= requests)
    return answers


def _enter(phase: str, running: Agent, caller: Caller) -> None:
    caller.publish(GAIN, b'"not a number"' if phase == "erring" else b"1", qos=1)
    pid = running.contestant("digits", "primary")["pid"]
    if pid is not None and phase in ("hung", "crashed"):
        os.kill(pid, signal.SIGSTOP if phase == "hung" else signal.SIGKILL)


def _restart_s(running: Agent) -> float:
    """Seconds from a worker's death to the next one that takes jobs."""
    while running.contestant("digits", "primary")["state"] != "ready":
        time.sleep(0.05)
    time.sleep(1)
    dead = running.contestant("digits", "primary")["pid"]
    os.kill(dead, signal.SIGKILL)
    began = time.monotonic()
    while True:
        now = running.contestant("digits", "primary")
        if now["state"] == "ready" and now["pid"] != dead:
            return time.monotonic() - began
        time.sleep(0.005)


def _waited(answer: Answer) -> bool:
    return answer.elapsed_ms >= DEADLINE_MS - GUARD_MS


def _npy(array: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
