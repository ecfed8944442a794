"""What keeping inputs costs the answers, how many a second become durable, and what that writes to the disk."""

import io
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from PIL import Image

from roost_shared.bundle.build import build_bundle
from scripts.roost_bench.bench import Goal, Options, Result
from scripts.roost_bench.benches.answer import MODEL
from scripts.roost_bench.site import Agent, Caller, agent, mosquitto, read_answer
from scripts.roost_bench.spooler_site import SpoolerSite, cpu_ns, write_bytes
from tests.support.mosquitto import Mosquitto

GOALS = (
    Goal("latency_ratio.p50", at_most=1.03),
    Goal("latency_ratio.p99", at_most=1.03),
    Goal("throughput_ratio", at_least=0.95),
    Goal("write_amplification", at_most=1.3),
)
COMPARED_WITH = (
    "the same agent without capture, in turns on one broker, MobileNetV2 on photos of 24 kB by QoS 1: answers of "
    "single requests back to back, then with 4 always waiting. `noise` is a second agent without capture by the "
    "first. Write amplification: write_bytes of the spooler's process, SQLite's included, by bytes of inputs, while "
    "every input of single requests is kept; `spooler` has the same for noise of 16 kB, steadily and at its most"
)

_OUTSTANDING: Final = 4
_MIN_BYTES: Final = 16_384
_SPOOL_BYTES: Final = 8 << 30
_DEPTH: Final = 15  # inputs that wait for the disk all the time: as many as may, unacknowledged
_RATES_PER_S: Final = (10, 30, 100, 300)
_ARMS: Final = {  # what of agent.toml tells them apart
    "off": "",
    "kept": "[tasks.photos.capture]\nbase_rate = 1.0\n",
    "rate": "[tasks.photos.capture]\nbase_rate = 0.01\nlow_confidence = 0.0\n",
    "off_again": "",
}
_TASK: Final = """
[tasks.photos]
deadline_ms = 5000
[[tasks.photos.contestants]]
name = "primary"
bundle = "../bundle"
"""


class _Size(NamedTuple):
    """How much to measure."""

    rounds: int
    requests: int  # of a round, one after another
    load: int  # requests of a round with some always waiting
    inputs: int  # for the spooler alone


def run(options: Options) -> Result:
    """Measure answers in turns, then the spooler alone."""
    size = _Size(12, 10, 20, 500) if options.quick else _Size(120, 16, 24, 8_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spooler = _spooler_alone(folder / "alone", size)
        result = {"durable_per_s": spooler["always_waiting"]["durable_per_s"], "spooler": spooler}
        if options.data is None:
            ratio = {"p50": None, "p99": None}
            missing = {"latency_ratio": ratio, "throughput_ratio": None, "write_amplification": None}
            return {**missing, **result, "limited_by": "../shared/data is absent"}
        return {**_answers(folder, options.data, size), **result}


# ---- answers, with and without


class _Arm:
    """An agent, and what was measured of it."""

    def __init__(self, name: str, running: Agent, caller: Caller, photo: bytes) -> None:
        self.name = name
        self.running = running
        self.took_ms: list[list[float]] = []  # by round
        self.rates: list[float] = []  # answers a second, by round
        self.loop_ns = self.answers = 0  # while single requests were answered
        self.unscored = 0  # answers without the model: its process was taken for hung, on a machine that stalls
        self._caller = caller
        self._photo = photo
        self._number = 0
        self._received: list[int] = []
        caller.on(f"roost/1/acme/d/{name.replace('_', '-')}/out/photos", self._answered)

    def _answered(self, payload: bytes, received_ns: int) -> None:
        self.unscored += read_answer(payload).contestant != "primary"
        self._received.append(received_ns)

    def send(self) -> None:
        """Send a photo like no other: bytes after a JPEG's end do not count."""
        self._number += 1
        topic = f"roost/1/acme/d/{self.name.replace('_', '-')}/in/photos"
        self._caller.publish(topic, self._photo + self._number.to_bytes(8), qos=1)

    def ask(self, requests: int) -> None:
        """So many requests after a first, each sent when the one before was answered."""
        took_ms = []
        before_ns = cpu_ns(self.running.process.pid)
        for _ in range(requests + 1):
            self._received.clear()
            began_ns = time.monotonic_ns()
            self.send()
            self._caller.wait(lambda: bool(self._received))
            took_ms.append((self._received[0] - began_ns) / 1e6)
        self.loop_ns += cpu_ns(self.running.process.pid) - before_ns
        self.answers += requests + 1
        self.took_ms.append(took_ms[1:])  # behind the first nothing of its own is being kept

    def load(self, requests: int) -> None:
        """So many requests, some of them always waiting."""
        self._received.clear()
        sent, began_ns = 0, time.monotonic_ns()
        while len(self._received) < requests:
            while sent < requests and sent - len(self._received) < _OUTSTANDING:
                self.send()
                sent += 1
            self._caller.serve(1.0)
        self.rates.append(requests * 1e9 / (self._received[-1] - began_ns))

    def until_quiet(self) -> None:
        """Wait until nothing of it waits for the disk, so that the next has the machine to itself."""
        self._caller.wait(lambda: not (self.running.status()["capture"] or {}).get("unsettled"))

    def forget(self) -> None:
        """What was measured so far has warmed it."""
        self.took_ms.clear()
        self.rates.clear()
        self.loop_ns = self.answers = self.unscored = 0

    @property
    def all_ms(self) -> list[float]:
        """Of all rounds."""
        return [took_ms for one in self.took_ms for took_ms in one]


def _answers(folder: Path, data: Path, size: _Size) -> dict[str, Any]:
    labels = (data / "models" / "imagenet_labels.txt").read_text().splitlines()
    model = (data / "models" / MODEL).read_bytes()
    build_bundle({"model": model}, folder / "bundle", name="photos", version="1", labels=labels)
    with mosquitto(folder) as broker, _arms(folder, broker, _photo(data)) as arms:
        ordered = list(arms.values())
        for number in range(size.rounds + 1):
            if number == 1:  # the first only warms
                written_before = _written(arms["kept"])
                for arm in ordered:
                    arm.forget()
            turn = number % len(ordered)
            for arm in ordered[turn:] + ordered[:turn]:
                arm.ask(size.requests)
                arm.until_quiet()
        written = [after - before for after, before in zip(_written(arms["kept"]), written_before, strict=True)]
        for number in range(size.rounds):
            turn = number % len(ordered)
            for arm in ordered[turn:] + ordered[:turn]:
                arm.load(size.load)
                arm.until_quiet()
        told = {name: arms[name].running.status()["capture"] for name in ("kept", "rate")}
    shared = "processor time, where no core is idle: of the spooler (spooler_us an input) and of the loop (loop_us)"
    return {
        **_figures(arms, written),
        "limited_by": shared,
        "told": told,
        "photo_bytes": len(_photo(data)) + 8,
        **size._asdict(),
    }


def _figures(arms: dict[str, _Arm], written: Sequence[int]) -> dict[str, Any]:
    written_bytes, kept_bytes, kept, groups = written
    return {
        "latency_ratio": _latency_ratio(arms["kept"], arms["off"]),
        "throughput_ratio": _throughput_ratio(arms["kept"], arms["off"]),
        "write_amplification": written_bytes / kept_bytes,
        "inputs_to_a_group": kept / groups,
        "at_base_rate": {
            "latency_ratio": _latency_ratio(arms["rate"], arms["off"]),
            "throughput_ratio": _throughput_ratio(arms["rate"], arms["off"]),
        },
        "noise": {
            "latency_ratio": _latency_ratio(arms["off_again"], arms["off"]),
            "throughput_ratio": _throughput_ratio(arms["off_again"], arms["off"]),
        },
        "answer_ms": {name: {"p50": _p50(arm.all_ms), "p99": _p99(arm.all_ms)} for name, arm in arms.items()},
        "answers_per_s": {name: statistics.median(arm.rates) for name, arm in arms.items()},
        "unscored": {name: arm.unscored for name, arm in arms.items()},
        "loop_us": {name: arm.loop_ns / arm.answers / 1e3 for name, arm in arms.items()},
    }


def _latency_ratio(one: _Arm, other: _Arm) -> dict[str, float]:
    """Of the medians, round by round, the middle one; of the slowest hundredth, over all rounds together."""
    rounds = zip(one.took_ms, other.took_ms, strict=True)
    p50 = statistics.median(_p50(ours) / _p50(theirs) for ours, theirs in rounds)
    return {"p50": p50, "p99": _p99(one.all_ms) / _p99(other.all_ms)}


def _throughput_ratio(one: _Arm, other: _Arm) -> float:
    return statistics.median(ours / theirs for ours, theirs in zip(one.rates, other.rates, strict=True))


@contextmanager
def _arms(folder: Path, broker: Mosquitto, photo: bytes) -> Iterator[dict[str, _Arm]]:
    limits = f"free_disk_bytes = 0\nspool_bytes = {_SPOOL_BYTES}\n"
    with ExitStack() as started:
        caller = started.enter_context(Caller(broker.port))
        arms = {}
        for name, capture in _ARMS.items():
            device = name.replace("_", "-")
            running = started.enter_context(
                agent(folder / device, broker, _TASK + capture, device=device, limits=limits)
            )
            arms[name] = _Arm(name, running, caller, photo)
        yield arms


def _written(arm: _Arm) -> tuple[int, int, int, int]:
    """Bytes its spooler wrote and kept so far, inputs, and the groups they were made durable in."""
    spool = arm.running.status()["capture"]["spool"]
    written_bytes = write_bytes(_spooler_pid(arm.running.process.pid))
    return written_bytes, spool["kept"] * (len(arm._photo) + 8), spool["kept"], spool["groups"]  # noqa: SLF001


def _spooler_pid(agent_pid: int) -> int:
    children = Path(f"/proc/{agent_pid}/task/{agent_pid}/children").read_text().split()
    (pid,) = [int(one) for one in children if b"roost-spooler" in Path(f"/proc/{one}/cmdline").read_bytes()]
    return pid


def _photo(data: Path) -> bytes:
    """A photo as a camera of 224 × 224 pixels would send it, and no smaller than the goals speak of."""
    image = Image.open(data / "photos" / "parrot.jpg").convert("RGB").resize((224, 224))
    for quality in range(90, 101):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        if buffer.tell() >= _MIN_BYTES:
            return buffer.getvalue()
    raise ValueError("the photo is too small")


# ---- the spooler alone


def _spooler_alone(folder: Path, size: _Size) -> dict[str, dict[str, float]]:
    """Inputs that come one by one, and as many always waiting as may."""
    noise = random.Random(7).randbytes(_MIN_BYTES - 8)
    figures = {}
    with SpoolerSite(folder, noise, _SPOOL_BYTES) as site:
        site.measure(size.inputs // 20, depth=_DEPTH)  # warms it
        for rate in _RATES_PER_S:
            figures[f"at_{rate}_per_s"] = site.measure(size.inputs * rate // 1000, per_s=rate)
        figures["always_waiting"] = site.measure(size.inputs, depth=_DEPTH)
    return figures


def _p50(values: Sequence[float]) -> float:
    return statistics.median(values)


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.99 * len(values)))]
