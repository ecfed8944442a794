"""A pump with an accelerometer on its bearing, and what its maker knows of it.

    machine.py prepare             write known/<label>/*.npy, the model and its labels into the current folder
    machine.py run URL [--worn]     ask the agent at URL what the pump does, window after window, until SIGTERM

A window is (64, 3) float32: 80 ms of acceleration along three axes, in g, 800 times a second.
"""

import argparse
import json
import signal
import threading
import urllib.request
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Window = NDArray[np.float32]

LABELS: Final = ("idle", "load", "off")
SAMPLES: Final = 64
RATE_HZ: Final = 800
SHAFT_HZ: Final = 25
KNOWN: Final = 300  # windows
PER_S: Final = 20
_SHAKES: Final = {"off": (0.0, 0.0), "idle": (0.3, 0.05), "load": (0.8, 0.3)}  # g, with the shaft and with its blades


def window(label: str, random: np.random.Generator, *, worn: bool = False) -> Window:
    """What the accelerometer sees while the pump does that; each ball that passes a crack rings the housing."""
    seconds = np.arange(SAMPLES) / RATE_HZ + random.uniform(0, 1)
    shaft, blades = _SHAKES[label]
    along = shaft * np.sin(2 * np.pi * SHAFT_HZ * seconds) + blades * np.sin(2 * np.pi * 4 * SHAFT_HZ * seconds)
    if worn and label != "off":
        since_impact = seconds % (1 / (4.3 * SHAFT_HZ))
        along += 0.5 * np.exp(-400 * since_impact) * np.sin(2 * np.pi * 350 * since_impact)
    axes = along[:, np.newaxis] * (1.0, 0.6, 0.3) + (0.0, 0.0, 1.0)  # the last one bears the weight
    return (axes + random.normal(0, 0.02, axes.shape)).astype(np.float32)


def prepare() -> None:
    """Fit a small network to windows of a pump whose bearing is new."""
    from sklearn.neural_network import MLPClassifier  # noqa: PLC0415 - takes seconds to load, and the pump does not need it

    from roost_shared.tflite.dense import DenseLayer, write_dense  # noqa: PLC0415 - the same

    random = np.random.default_rng(1)
    labels = [LABELS[number % len(LABELS)] for number in range(KNOWN)]
    windows = [window(label, random) for label in labels]
    for number, (label, one) in enumerate(zip(labels, windows, strict=True)):
        folder = Path("known", label)
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{number}.npy", one[np.newaxis])  # as the model takes it: one of a batch
    network = MLPClassifier((24,), solver="lbfgs", alpha=1.0, max_iter=200, random_state=0)
    network.fit(np.stack(windows).reshape(KNOWN, -1), labels)
    (hidden, last), (hidden_bias, last_bias) = network.coefs_, network.intercepts_
    layers = [DenseLayer(hidden, hidden_bias, "relu"), DenseLayer(last, last_bias, "softmax")]
    Path("model.tflite").write_bytes(write_dense(layers, input_shape=(1, SAMPLES, 3), input_name="acceleration"))
    Path("labels.txt").write_text("".join(f"{label}\n" for label in LABELS))


def run(url: str, *, worn: bool) -> None:
    """Ask about a window each 50 ms, by the Open Inference Protocol: any client of it would do."""
    random = np.random.default_rng(2)
    asked = in_time = right = 0
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    while not ended.wait(1 / PER_S):
        label = LABELS[asked % len(LABELS)]
        answer = ask(url, window(label, random, worn=worn))
        asked += 1
        in_time += answer["parameters"]["deadline_met"]
        right += answer["outputs"][0]["data"][0] == label
    print(f"{in_time} of {asked} answered by the deadline, {right / asked:.1%} rightly")


def ask(url: str, one: Window) -> dict[str, Any]:
    """The answer."""
    tensor = {"name": "acceleration", "shape": [1, *one.shape], "datatype": "FP32", "data": one.ravel().tolist()}
    request = urllib.request.Request(  # noqa: S310 - this machine's
        f"{url}/v2/models/vibration/infer", json.dumps({"inputs": [tensor]}).encode()
    )
    with urllib.request.urlopen(request) as response:  # noqa: S310 - the same
        answer: dict[str, Any] = json.load(response)
    return answer


def main() -> None:
    """Do as the command line says."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare")
    runs = commands.add_parser("run")
    runs.add_argument("url")
    runs.add_argument("--worn", action="store_true", help="the bearing has a crack")
    given = parser.parse_args()
    if given.command == "prepare":
        prepare()
    else:
        run(given.url, worn=given.worn)


if __name__ == "__main__":
    main()
