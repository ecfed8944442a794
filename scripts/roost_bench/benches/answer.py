"""What the agent adds to a model's own time, and how much of a model's throughput it keeps."""

import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from PIL import Image

from roost_shared.bundle.build import build_bundle
from scripts.roost_bench.bare_model import BareModel
from scripts.roost_bench.bench import Goal, Options, Result
from scripts.roost_bench.process_hop import process_hop_ms
from scripts.roost_bench.site import Caller, agent, mosquitto, read_answer

GOALS = (
    Goal("overhead_ms.p50", at_most=0.5, unit="ms"),
    Goal("overhead_ms.p99", at_most=2, unit="ms"),
    Goal("throughput_ratio", at_least=0.95),
)
COMPARED_WITH = (
    "an MQTT echo through a bare paho responder + decode + preprocess + bare LiteRT invoke by hand, each in turn with "
    "the agent, which also has a process boundary that the floor lacks; throughput: a bare "
    "decode-and-invoke loop on one core, in turn with one agent of one worker"
)

INPUT: Final = "roost/1/acme/d/cam-01/in/photos"
OUTPUT: Final = "roost/1/acme/d/cam-01/out/photos"
MODEL: Final = "mobilenet_v2_1.0_224_quant.tflite"
OUTSTANDING: Final = 4
TASK: Final = """
[tasks.photos]
deadline_ms = 5000
[[tasks.photos.contestants]]
name = "primary"
bundle = "../bundle"
"""


def run(options: Options) -> Result:
    """Measure overhead over single requests, then throughput with requests always waiting."""
    if options.data is None:
        missing = {"p50": None, "p99": None}
        return {"overhead_ms": missing, "throughput_ratio": None, "limited_by": "../shared/data is absent"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = options.data / "models" / MODEL
        labels = (options.data / "models" / "imagenet_labels.txt").read_text().splitlines()
        build_bundle({"model": model.read_bytes()}, folder / "bundle", name="photos", version="1", labels=labels)
        payload = photo(options.data / "photos" / "parrot.jpg")
        bare = BareModel(model)
        with mosquitto(folder) as broker, agent(folder / "agent", broker, TASK), Caller(broker.port) as caller:
            responder = subprocess.Popen(
                [sys.executable, "-m", "scripts.roost_bench.bare_responder", str(broker.port), str(model)],
                stdout=subprocess.PIPE,
            )
            try:
                assert responder.stdout is not None  # noqa: S101 - asked for above
                responder.stdout.readline()
                latency = _latency(caller, bare, payload, rounds=60 if options.quick else 1500)
                throughput = _throughput(caller, bare, payload, seconds=0.5 if options.quick else 3.0)
            finally:
                responder.kill()
                responder.wait()
    return {**latency, **throughput}


def photo(path: Path) -> bytes:
    """A photo as a camera of 224 × 224 pixels would send it."""
    buffer = io.BytesIO()
    Image.open(path).convert("RGB").resize((224, 224)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _latency(caller: Caller, bare: BareModel, payload: bytes, rounds: int) -> Result:
    replies: list[int] = []
    for topic in ("echo/out", "bare/out", OUTPUT):
        caller.on(topic, lambda _, received_ns: replies.append(received_ns))

    def round_trip(topic: str) -> float:
        replies.clear()
        began_ns = time.monotonic_ns()
        caller.publish(topic, payload)
        caller.wait(lambda: bool(replies))
        return (replies[0] - began_ns) / 1e6

    def model(_: str) -> float:
        began_ns = time.monotonic_ns()
        bare(payload)
        return (time.monotonic_ns() - began_ns) / 1e6

    measures: dict[str, tuple[Callable[[str], float], str]] = {
        "echo_ms": (round_trip, "echo/in"),
        "bare_model_ms": (model, ""),
        "bare_responder_ms": (round_trip, "bare/in"),
        "answer_ms": (round_trip, INPUT),
    }
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(20 + rounds):
        for name, (measure, topic) in measures.items():
            took_ms = measure(topic)
            if number >= 20:  # noqa: PLR2004 - by then everybody is warm
                taken[name].append(took_ms)
    floor = [echo + bare_ms for echo, bare_ms in zip(taken["echo_ms"], taken["bare_model_ms"], strict=True)]
    return {
        "overhead_ms": _above(taken["answer_ms"], floor),
        # The same work as one program: its broker and caller have gone cold during the inference, like the agent's.
        "overhead_over_bare_responder_ms": _above(taken["answer_ms"], taken["bare_responder_ms"]),
        **{name: {"p50": _quantile(values, 0.5), "p99": _quantile(values, 0.99)} for name, values in taken.items()},
        "process_hop_ms": process_hop_ms(rounds // 5 + 1, bare, payload),
        "rounds": rounds,
        "limited_by": "a process boundary (process_hop_ms: two wake-ups of idle processors) and caches that an "
        "inference leaves cold for whoever runs next (the bare responder pays for that too)",
    }


def _above(values: list[float], floor: list[float]) -> dict[str, float]:
    return {
        "p50": _quantile(values, 0.5) - _quantile(floor, 0.5),
        "p99": _quantile(values, 0.99) - _quantile(floor, 0.99),
    }


def _throughput(caller: Caller, bare: BareModel, payload: bytes, seconds: float) -> Result:
    ratios, bare_rates = [], []
    for _ in range(3 if seconds < 1 else 7):
        bare_rate = _rate(lambda: bare(payload), seconds)
        ratios.append(_agent_rate(caller, payload, seconds) / bare_rate)
        bare_rates.append(bare_rate)
    return {
        "throughput_ratio": statistics.median(ratios),
        "bare_per_s": statistics.median(bare_rates),
        "outstanding": OUTSTANDING,
    }


def _rate(once: Callable[[], object], seconds: float) -> float:
    done, began = 0, time.monotonic()
    while time.monotonic() - began < seconds:
        once()
        done += 1
    return done / (time.monotonic() - began)


def _agent_rate(caller: Caller, payload: bytes, seconds: float) -> float:
    """Answers a second with `OUTSTANDING` requests always waiting; each must be a model's answer."""
    sent = answered = 0

    def count(answer: bytes, _received_ns: int) -> None:
        nonlocal answered
        assert read_answer(answer).contestant == "primary"  # noqa: S101 - a default would be no work done
        answered += 1

    caller.on(OUTPUT, count)
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        while sent - answered < OUTSTANDING:
            caller.publish(INPUT, payload)
            sent += 1
        caller.serve(1.0)
    rate = answered / (time.monotonic() - began)
    caller.wait(lambda: answered == sent)
    return rate


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
