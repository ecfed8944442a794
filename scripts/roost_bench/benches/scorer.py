"""Questions a scorer answers in a second and how long each takes, beside servers that speak HTTP."""

import json
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from PIL import Image

from roost_cloud.logs import configure_logs
from roost_cloud.services import open_services
from roost_shared.bundle import Bundle
from roost_shared.bundle.build import build_bundle
from roost_shared.onnx.dense import write_dense_onnx
from roost_shared.tflite.dense import DenseLayer, write_dense
from scripts.roost_bench.bench import Goal, Options, Result
from scripts.roost_bench.load import CONTESTANT, TASK
from scripts.roost_bench.peer_site import PeerProcess, peer_python
from scripts.roost_bench.site import mosquitto
from tests.support.cloud import Cloud, ManualClock, settings_for
from tests.support.cloud_process import CloudProcess
from tests.support.mosquitto import free_port
from tests.support.scoring import AskingDevice, ScoringSite
from tests.support.waiting import until

GOALS = (Goal("vs_litserve", at_least=2), Goal("p50_vs_fastapi", at_most=1.6))
COMPARED_WITH = (
    "FastAPI on uvicorn (uvloop) with ONNX Runtime in its loop, mosec 0.9.8 and LitServe 0.2.19, all with one worker "
    "and the same model in turn in one run; ours is a `roost cloud serve --role scorer` behind Mosquitto. One load "
    "generator of ours for HTTP and MQTT. vs_litserve: answers a second, the least of all levels; "
    "p50_vs_fastapi: at one outstanding"
)

LEVELS: Final = (1, 16, 64)
_SIDE: Final = 32
_LABELS: Final = [str(number) for number in range(10)]


class _Server(NamedTuple):
    """One that is measured."""

    kind: str  # as `load` calls how it is spoken to
    port: int
    awake: Callable[[], AbstractContextManager[None]]


def run(options: Options) -> Result:
    """Measure all in turn, several rounds, and take the medians."""
    rounds, seconds = (1, 1.0) if options.quick else (5, 3.0)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        bundle, model = _bundle(folder)
        picture = _picture(folder)
        servers = {"roost": stack.enter_context(_scorer(folder, bundle)), **_peers(stack, folder, model)}
        runs: dict[tuple[str, int], list[dict[str, float]]] = {}
        for _ in range(rounds):
            for level in LEVELS:
                for server_name, server in servers.items():
                    with server.awake():
                        runs.setdefault((server_name, level), []).append(_load(server, picture, level, seconds))
    figures: dict[str, dict[str, Any]] = {server_name: {} for server_name in servers}
    for (server_name, level), some in runs.items():
        figures[server_name][str(level)] = {
            key: round(statistics.median(one[key] for one in some), 3) for key in ("rps", "p50_ms", "p99_ms")
        }
    return {
        "vs_litserve": min(
            figures["roost"][str(level)]["rps"] / figures["litserve"][str(level)]["rps"] for level in LEVELS
        ),
        "p50_vs_fastapi": figures["roost"]["1"]["p50_ms"] / figures["fastapi"]["1"]["p50_ms"],
        "by_outstanding": figures,
    }


def _bundle(folder: Path) -> tuple[Bundle, Path]:
    """A network of two dense layers over 32 × 32 RGB pixels, as bundle with an ONNX twin, and that twin alone."""
    random = np.random.default_rng(5)
    inputs = _SIDE * _SIDE * 3
    layers = [
        DenseLayer(random.normal(0, inputs**-0.5, (inputs, 128)), np.zeros(128), "relu"),
        DenseLayer(random.normal(0, 0.3, (128, len(_LABELS))), np.zeros(len(_LABELS)), "softmax"),
    ]
    shape = (1, _SIDE, _SIDE, 3)
    twin = write_dense_onnx(layers, input_shape=shape)
    model = folder / "model.onnx"
    model.write_bytes(twin)
    tflite = write_dense(layers, input_shape=shape)
    built = build_bundle(
        {"model": tflite}, folder / "bundle", onnx={"model": twin}, name="bench", version="1", labels=_LABELS
    )
    return built.bundle, model


def _picture(folder: Path) -> Path:
    """A small JPEG, as of a digit cut from a photo of a meter."""
    pixels = np.random.default_rng(7).normal(128, 30, (_SIDE, _SIDE, 3)).clip(0, 255).astype(np.uint8)
    path = folder / "picture.jpg"
    Image.fromarray(pixels).save(path, quality=85)
    return path


@contextmanager
def _scorer(folder: Path, bundle: Bundle) -> Iterator[_Server]:
    """A broker, and a scorer that knows one task."""
    configure_logs("warning", "auto")
    with mosquitto(folder) as broker:
        arguments = ("--role", "scorer", "--broker-url", broker.url, "--scorer-threads", "1", "--log-level", "warning")
        with CloudProcess(folder / "cloud", *arguments) as process:
            with open_services(settings_for(process.data_dir)) as services:
                cloud = Cloud(services, ManualClock())
                with cloud.client, ScoringSite(cloud, broker.url) as site:
                    site.push(bundle)
                    site.set_task({CONTESTANT: f"{bundle.config.name}@stable"}, TASK)
            process.start()
            until(lambda: process.ask("/readyz").status == 200, "the scorer is ready")  # noqa: PLR2004 - HTTP's "OK"
            with AskingDevice(broker.port) as device:
                score = device.score((folder / "picture.jpg").read_bytes(), CONTESTANT, task=TASK)
                if score.error is not None:
                    raise RuntimeError(f"the scorer says {score.error}")

            @contextmanager
            def awake() -> Iterator[None]:
                process.send(signal.SIGCONT)
                try:
                    yield
                finally:
                    process.send(signal.SIGSTOP)

            process.send(signal.SIGSTOP)
            yield _Server("mqtt", broker.port, awake)


def _peers(stack: ExitStack, folder: Path, model: Path) -> dict[str, _Server]:
    python = str(peer_python())
    ports = {name: free_port() for name in ("fastapi", "mosec", "mosec_16", "litserve")}
    commands = {
        "fastapi": ("raw", ["fastapi_peer", str(ports["fastapi"]), str(model)]),
        "mosec": ("mosec", ["mosec_peer", "--port", str(ports["mosec"])]),
        "mosec_16": ("mosec", ["mosec_peer", "--port", str(ports["mosec_16"])]),
        "litserve": ("json", ["litserve_peer", str(ports["litserve"]), str(model)]),
    }
    servers = {}
    for name, (kind, command) in commands.items():
        environment = {"MODEL": str(model), "BATCH": "16" if name == "mosec_16" else "1"}
        log = folder / f"{name}.log"
        peer = stack.enter_context(
            PeerProcess(
                [python, "-m", f"scripts.roost_bench.peers.{command[0]}", *command[1:]], ports[name], log, environment
            )
        )
        servers[name] = _Server(kind, ports[name], peer.awake)
    return servers


def _load(server: _Server, picture: Path, outstanding: int, seconds: float) -> dict[str, float]:
    command = [sys.executable, "-m", "scripts.roost_bench.load", server.kind, str(server.port), str(picture)]
    finished = subprocess.run([*command, str(outstanding), str(seconds)], capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {finished.stderr[-2000:]}")
    found: dict[str, float] = json.loads(finished.stdout)
    return found
