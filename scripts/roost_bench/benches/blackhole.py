"""Answers at a steady rate, half of them wanting the cloud, while the link to it begins to swallow everything."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from roost_shared.messages import Answer
from scripts.roost_bench.bench import Goal, Options, Result
from scripts.roost_bench.black_hole import Hole, hole
from scripts.roost_bench.site import Agent, Caller, agent_toml, mosquitto, read_answer
from tests.support.bundles import build_bundles, picture
from tests.support.mosquitto import require_mosquitto

GOALS = (
    Goal("by_deadline_ratio", at_least=1),
    Goal("lost", at_most=0),
    Goal("known_bad_after_ms", at_most=1000, unit="ms"),
    Goal("unsure_waits_ms", at_most=20, unit="ms"),
)
COMPARED_WITH = (
    "inputs of the same stream that never want the cloud: `unsure_waits_ms` is by how much longer, at the median, the "
    "others took once the link was known bad"
)

DEADLINE_MS: Final = 500
PATIENCE_MS: Final = 300  # after which the device's own model will do, sure or not
RATE_PER_S: Final = 100
INPUT: Final = "roost/1/acme/d/cam-01/in/light"
OUTPUT: Final = "roost/1/acme/d/cam-01/out/light"
TASK: Final = f"""
[tasks.light]
deadline_ms = {DEADLINE_MS}
default = "unknown"
[[tasks.light.contestants]]
name = "primary"
bundle = "../bundles/sure"
[[tasks.light.contestants]]
name = "big"
where = "cloud"
ask = "unsure"
[[tasks.light.rules]]
accept = "primary"
min_confidence = 0.8
[[tasks.light.rules]]
accept = "big"
[[tasks.light.rules]]
after_ms = {PATIENCE_MS}
accept = "primary"
"""


def run(options: Options) -> Result:
    """Cut after a third of the requests, and do not mend it."""
    requests = 1200 if options.quick else 10_000
    with tempfile.TemporaryDirectory() as name, hole() as network:
        folder = Path(name)
        (folder / "bundles").mkdir()
        build_bundles(folder / "bundles")
        cloud = f'[cloud]\nbroker = "mqtt://{network.reach[0]}:{network.reach[1]}"\n'
        with (
            _cloud(folder, network),
            mosquitto(folder) as broker,
            _agent(folder / "agent", agent_toml(broker, cloud + TASK, in_flight=200)) as running,
            Caller(broker.port) as caller,
        ):
            stream = _Stream(running, caller, network)
            stream.run(requests)
            link = running.status()["cloud"]["link"]
            told = running.contestant("light", "big")
    return {**stream.figures(requests), "network": network.kind, "link": link, "big": told}


class _Stream:
    """Sure and unsure inputs in turn; the agent numbers its requests in the order they come."""

    def __init__(self, running: Agent, caller: Caller, network: Hole) -> None:
        self._running = running
        self._caller = caller
        self._network = network
        self._answers: list[Answer] = []
        self._cut_at = self._known_at = 0  # requests sent before
        self._known_after_ms: float | None = None

    def run(self, requests: int) -> None:
        """Send them all, and wait for their answers."""
        caller = self._caller
        caller.on(OUTPUT, lambda payload, _: self._answers.append(read_answer(payload)))
        sure, unsure = picture(255), picture(127)
        began_s = time.monotonic()
        cut_s = 0.0
        for sent in range(requests):
            due_s = began_s + sent / RATE_PER_S
            while (left_s := due_s - time.monotonic()) > 0:
                caller.serve(min(left_s, 0.01))
            if sent == requests // 3:
                self._network.open()
                self._cut_at, cut_s = sent, time.monotonic()
            if self._cut_at and self._known_after_ms is None and _link(self._running) == "bad":
                self._known_at, self._known_after_ms = sent, 1000 * (time.monotonic() - cut_s)
            caller.publish(INPUT, unsure if sent % 2 else sure)
        caller.wait(lambda: len(self._answers) >= requests)

    def figures(self, requests: int) -> dict[str, Any]:
        """What came of it."""
        answers = self._answers
        by_deadline = sum(answer.deadline_met for answer in answers)
        numbered = [(int(answer.id.rpartition("-")[2]) - 1, answer) for answer in answers]
        unsure = [(number, answer) for number, answer in numbered if number % 2]
        sure = [(number, answer) for number, answer in numbered if not number % 2]
        known_at = self._known_at or requests
        unsure_ms, sure_ms = self._spreads(unsure, known_at), self._spreads(sure, known_at)
        in_vain = [one for _, one in unsure if one.contestant != "big" and one.elapsed_ms >= PATIENCE_MS]
        return {
            "requests": requests,
            "by_deadline": by_deadline,
            "by_deadline_ratio": by_deadline / requests,
            "late": {"sure": _late(sure), "unsure": _late(unsure)},
            "lost": requests - len(answers),
            "wanted_the_cloud": len(unsure),
            "answered_by_the_cloud": sum(answer.contestant == "big" for answer in answers),
            "by_reason": dict(Counter(answer.reason for answer in answers)),
            "known_bad_after_ms": self._known_after_ms,
            "waited_in_vain": len(in_vain),
            "unsure_waits_ms": _minus(unsure_ms["known_bad"]["p50"], sure_ms["known_bad"]["p50"]),
            "unsure_ms": unsure_ms,
            "sure_ms": sure_ms,
        }

    def _spreads(self, numbered: Sequence[tuple[int, Answer]], known_at: int) -> dict[str, dict[str, float | None]]:
        """What they took while the cloud answered, from the cut until the link was known bad, and from then on."""
        spans = {
            "before": range(self._cut_at),
            "after_the_cut": range(self._cut_at, known_at),
            "known_bad": range(known_at, sys.maxsize),
        }
        return {
            name: _spread([answer.elapsed_ms for number, answer in numbered if number in span])
            for name, span in spans.items()
        }


@contextmanager
def _cloud(folder: Path, network: Hole) -> Iterator[None]:
    """A broker and a scorer on the cloud's side."""
    host, port = network.listen
    conf = folder / "cloud.conf"
    user = "user root\n" if os.geteuid() == 0 else ""
    conf.write_text(f"listener {port} {host}\nallow_anonymous true\nset_tcp_nodelay true\n{user}")
    commands = [
        [*network.prefix, require_mosquitto(), "-c", str(conf)],
        [*network.prefix, sys.executable, "-m", "scripts.roost_bench.bare_scorer", host, str(port)],
    ]
    processes = []
    try:
        with (folder / "cloud.log").open("wb") as log:
            for command in commands:
                processes.append(subprocess.Popen(command, stdout=log, stderr=log))
                time.sleep(0.5)  # for the scorer, which does not try twice
        yield
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()


def _late(numbered: Sequence[tuple[int, Answer]]) -> int:
    return sum(not answer.deadline_met for _, answer in numbered)


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _spread(took_ms: list[float]) -> dict[str, float | None]:
    if len(took_ms) < 2:  # noqa: PLR2004 - quantiles need two
        return {"p50": None, "p99": None, "max": None}
    cuts = statistics.quantiles(took_ms, n=100, method="inclusive")
    return {"p50": cuts[49], "p99": cuts[98], "max": max(took_ms)}


def _link(running: Agent) -> str | None:
    status = running.status()
    return status["cloud"]["link"]["state"] if status else None


@contextmanager
def _agent(folder: Path, toml: str) -> Iterator[Agent]:
    """An agent that takes inputs and knows its link to be good; its birth goes to the cloud's broker."""
    folder.mkdir()
    running = Agent(folder, toml)
    try:
        give_up_s = time.monotonic() + 30
        while _link(running) != "good" or not running.status()["broker"]["connected"]:
            if time.monotonic() > give_up_s:
                raise TimeoutError("the agent does not find its link to be good")
            time.sleep(0.05)
        yield running
    finally:
        running.stop()
