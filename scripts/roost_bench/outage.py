"""Ten hours of inputs that a device could not send, going up at its cap while it answers."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from roost_edge.spool.interface import NewEntry
from roost_edge.spool.limits import SpoolLimits
from roost_edge.spool.store import Spool
from roost_shared.messages import Answer
from scripts.roost_bench.site import Agent, Caller, agent_toml, mosquitto, read_answer, wait_until_online
from tests.support.bundles import build_bundles, picture
from tests.support.cloud_process import CloudProcess
from tests.support.mosquitto import free_port
from tests.support.proxy import Proxy
from tests.support.shard_inputs import JPEG, make_input

__all__ = ["measure_outage"]

INPUT: Final = "roost/1/acme/d/cam-01/in/light"
OUTPUT: Final = "roost/1/acme/d/cam-01/out/light"
INPUT_BYTES: Final = 24_000
EVERY_S: Final = 10.0  # an input is kept
CAP_BYTES_PER_S: Final = 1_000_000  # agent.toml's default
WINDOW_S: Final = 10.0
ASKED_PER_S: Final = 20
_SAMPLE_S: Final = 0.05
_AT_ONCE: Final = 64
_PATIENCE_S: Final = 600.0
_TASK: Final = """
[tasks.light]
deadline_ms = 300
default = "unknown"
[[tasks.light.contestants]]
name = "primary"
bundle = "../bundles/sure"
[tasks.light.capture]
base_rate = 0.01
"""


class _Answered(NamedTuple):
    """An answer, and when its request was sent and it came."""

    sent_s: float
    took_ms: float
    answer: Answer


def measure_outage(folder: Path, *, hours: float, idle_s: float) -> dict[str, Any]:
    """Let a device with a backlog of so many hours have its cloud back.

    Args:
        folder: for all that runs.
        hours: that the outage lasted.
        idle_s: for how long answers are measured before and after.
    """
    backlog = round(hours * 3600 / EVERY_S)
    (folder / "bundles").mkdir(parents=True)
    build_bundles(folder / "bundles")
    state = folder / "agent" / "state"
    _fill(state, backlog)
    port = free_port()
    web = Proxy(port)
    url = f"http://127.0.0.1:{web.port}"
    try:
        with (
            CloudProcess(folder / "cloud", "--listen", f"127.0.0.1:{port}", "--public-url", url) as cloud,
            mosquitto(folder) as broker,
        ):
            cloud.start()
            limits = f"free_disk_bytes = 0\nuplink_bytes_per_s = {CAP_BYTES_PER_S}\n"
            toml = agent_toml(broker, f'[cloud]\nurl = "{url}"\nupload_after_s = 1\n{_TASK}', limits=limits)
            _enrol(folder / "agent", toml, cloud)
            web.refuse()
            running = Agent(folder / "agent", toml)
            try:
                wait_until_online(broker)
                with Caller(broker.port) as caller:
                    return _Drain(running, caller, web, backlog).run(idle_s)
            finally:
                running.stop()
    finally:
        web.close()


class _Drain:
    """Questions at a steady rate, and meanwhile the backlog on its way."""

    def __init__(self, running: Agent, caller: Caller, web: Proxy, backlog: int) -> None:
        self._running = running
        self._caller = caller
        self._web = web
        self._backlog = backlog
        self._sent_s: list[float] = []
        self._answers: list[tuple[float, Answer]] = []
        self._samples: list[tuple[float, int]] = []  # moments, and bytes that had left for the cloud
        self._dark, self._light = picture(20), picture(255)

    def run(self, idle_s: float) -> dict[str, Any]:
        """Idle, drain, idle."""
        caller = self._caller
        caller.on(OUTPUT, lambda payload, at_ns: self._answers.append((at_ns / 1e9, read_answer(payload))))
        self._ask_for(3.0)  # warms it
        began_s = time.monotonic()
        self._ask_for(idle_s)
        self._web.restore()
        restored_s = time.monotonic()
        self._ask_until(lambda: self._told()["state"] == "uploading")
        draining_s = time.monotonic()
        self._ask_until(lambda: self._told()["inputs"] >= self._backlog)
        drained_s = time.monotonic()
        self._ask_for(idle_s)
        caller.wait(lambda: len(self._answers) == len(self._sent_s))
        idle = [*self._between(began_s, restored_s), *self._between(drained_s, drained_s + idle_s)]
        return {
            "noticed_after_s": draining_s - restored_s,
            **_rates(self._samples, restored_s, drained_s),
            **_answers(idle, self._between(draining_s, drained_s)),
            "inputs": self._backlog,
            "input_bytes": INPUT_BYTES,
            "told": self._told(),
        }

    def _ask_for(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        self._ask_until(lambda: time.monotonic() >= until_s, look_every_s=0.0)

    def _ask_until(self, condition: Callable[[], bool], *, look_every_s: float = 0.5) -> None:
        began_s = looked_s = time.monotonic()
        while (now_s := time.monotonic()) < began_s + _PATIENCE_S:
            if now_s >= looked_s + look_every_s:
                looked_s = now_s
                if condition():
                    return
            if not self._samples or now_s >= self._samples[-1][0] + _SAMPLE_S:
                self._samples.append((now_s, self._web.sent_bytes))
            if not self._sent_s or now_s >= self._sent_s[-1] + 1 / ASKED_PER_S:
                self._sent_s.append(now_s)
                self._caller.publish(INPUT, self._light if len(self._sent_s) % 2 else self._dark, qos=1)
            self._caller.serve(0.005)
        raise TimeoutError(f"it does not get on: {self._told()}")

    def _told(self) -> dict[str, Any]:
        """What the agent says of the upload."""
        spool: dict[str, dict[str, Any]] = self._running.status()["capture"]["spool"]
        return spool.get("upload", {"state": "starting", "inputs": 0})

    def _between(self, begun_s: float, ended_s: float) -> list[_Answered]:
        """Answers come in order: one worker, one connection."""
        pairs = zip(self._sent_s, self._answers, strict=True)
        all_of_them = [_Answered(sent_s, (came_s - sent_s) * 1000, answer) for sent_s, (came_s, answer) in pairs]
        return [one for one in all_of_them if begun_s <= one.sent_s < ended_s]


def _rates(samples: Sequence[tuple[float, int]], begun_s: float, ended_s: float) -> dict[str, Any]:
    """Bytes that left in any ten seconds from the first to the last, by the cap; commits take their time too."""
    within = [one for one in samples if begun_s <= one[0] <= ended_s]
    while within[1][1] == within[0][1]:
        within.pop(0)
    while within[-2][1] == within[-1][1]:
        within.pop()
    ratios = []
    first = 0
    for at_s, sent_bytes in within:
        while within[first + 1][0] <= at_s - WINDOW_S:
            first += 1
        took_s = at_s - within[first][0]
        if took_s >= WINDOW_S:
            ratios.append((sent_bytes - within[first][1]) / took_s / CAP_BYTES_PER_S)
    whole = (within[-1][1] - within[0][1]) / (within[-1][0] - within[0][0]) / CAP_BYTES_PER_S
    if not ratios:  # it took less than ten seconds
        ratios = [whole]
    return {
        "drain_vs_cap": whole,
        "ten_seconds_vs_cap": {"least": min(ratios), "p50": statistics.median(ratios), "most": max(ratios)},
        "drained_in_s": within[-1][0] - within[0][0],
    }


def _answers(idle: Sequence[_Answered], draining: Sequence[_Answered]) -> dict[str, Any]:
    idle_ms, draining_ms = _spread(idle), _spread(draining)
    return {
        "answers_on_time": sum(one.answer.deadline_met for one in draining) / len(draining),
        "answers_on_time_idle": sum(one.answer.deadline_met for one in idle) / len(idle),
        "latency_ratio": {name: draining_ms[name] / idle_ms[name] for name in idle_ms},
        "idle_ms": idle_ms,
        "draining_ms": draining_ms,
        "answers": len(draining),
    }


def _spread(answered: Sequence[_Answered]) -> dict[str, float]:
    cuts = statistics.quantiles([one.took_ms for one in answered], n=100, method="inclusive")
    return {"p50": cuts[49], "p99": cuts[98]}


def _fill(state: Path, inputs: int) -> None:
    """What an earlier boot kept while the cloud was away."""
    state.mkdir(parents=True)
    noise = JPEG + np.random.default_rng(7).bytes(INPUT_BYTES - len(JPEG) - 8)
    spool = Spool(state / "spool", "outage", SpoolLimits(reserve_bytes=0), now_ns=0)
    try:
        for begun in range(0, inputs, _AT_ONCE):
            numbers = range(begun, min(inputs, begun + _AT_ONCE))
            outcomes = spool.append([_entry(noise, number) for number in numbers], now_ns=0)
            if not all(outcome.kept for outcome in outcomes):
                raise RuntimeError(f"the backlog does not fit: {outcomes[-1]}")
    finally:
        spool.close()


def _entry(noise: bytes, number: int) -> NewEntry:
    made = make_input(f"outage-{number}", noise + number.to_bytes(8), task="light")
    return NewEntry(
        sample=made.sample,
        task="light",
        priority=0,
        probability=made.probability,
        record=made.record,
        payload=made.payload,
        sha256=made.sha256,
    )


def _enrol(folder: Path, toml: str, cloud: CloudProcess) -> None:
    """Make the agent's machine the device, as a person would."""
    made = cloud.client().call("POST", "/tenants", dict, body={"name": "acme"})
    people = cloud.client(made["admin_token"]["token"])
    token_file = folder / "token"
    token_file.write_text(people.call("POST", "/enrolments", dict, body={"device": "cam-01"})["token"])
    config = folder / "agent.toml"
    config.write_text(toml)
    command = [sys.executable, "-m", "roost_edge", "enrol", "--config", str(config), "--token-file", str(token_file)]
    subprocess.run(command, check=True, capture_output=True)
