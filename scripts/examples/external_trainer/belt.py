"""A sorting belt with a colour sensor, and what it is trained on.

    belt.py prepare            write known/<label>/*.json, the model and its labels into the current folder
    belt.py run FOLDER COUNT [--new-lamp]    write readings into FOLDER, as a sensor without any network would

A reading is a JSON array, [[…]]: how much of each of eight colours a fruit reflects, blue first, 0…1.
"""

import argparse
import json
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from roost_shared.tflite.dense import DenseLayer, write_dense

LABELS: Final = ("ripe", "rotten", "unripe")
COLOURS: Final = np.array(  # of each label's fruit
    [
        [0.1, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.8],
        [0.1, 0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4],
        [0.1, 0.2, 0.5, 0.7, 0.6, 0.4, 0.3, 0.3],
    ]
)
SPREAD: Final = 0.06
NEW_LAMP: Final = np.linspace(1.6, 0.45, 8)  # whiter: more blue, less red than the old one's
KNOWN: Final = 300


def reading(place: int, random: np.random.Generator, *, new_lamp: bool = False) -> NDArray[np.float64]:
    """What the sensor says of a fruit."""
    seen = COLOURS[place] * random.uniform(0.8, 1.2) + random.normal(0, SPREAD, 8)
    shown: NDArray[np.float64] = np.clip(seen * NEW_LAMP if new_lamp else seen, 0, 1)
    return shown.round(4)


def write(folder: Path, name: str, values: NDArray[np.float64]) -> None:
    """Put a reading there; renamed into place, it is whole whenever it is seen."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{name}.part"
    part.write_text(json.dumps([values.tolist()]))
    part.rename(folder / f"{name}.json")


def prepare() -> None:
    """Fit a small network to readings by the old lamp."""
    random = np.random.default_rng(1)
    truth = [number % len(LABELS) for number in range(KNOWN)]
    readings = [reading(place, random) for place in truth]
    for number, (place, values) in enumerate(zip(truth, readings, strict=True)):
        write(Path("known", LABELS[place]), str(number), values)
    network = MLPClassifier((8,), solver="lbfgs", alpha=0.1, max_iter=200, random_state=0).fit(readings, truth)
    (hidden, last), (hidden_bias, last_bias) = network.coefs_, network.intercepts_
    layers = [DenseLayer(hidden, hidden_bias, "relu"), DenseLayer(last, last_bias, "softmax")]
    Path("model.tflite").write_bytes(write_dense(layers, input_shape=(1, 8), input_name="colours"))
    Path("labels.txt").write_text("".join(f"{label}\n" for label in LABELS))


def run(folder: Path, count: int, *, new_lamp: bool) -> None:
    """Fruit after fruit; what each was, is kept in truth/<label>/, which no belt could tell."""
    random = np.random.default_rng(2)
    for number in range(count):
        place = int(random.integers(len(LABELS)))
        values = reading(place, random, new_lamp=new_lamp)
        write(Path("truth", LABELS[place]), str(number), values)
        write(folder, str(number), values)


def main() -> None:
    """Do as the command line says."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare")
    runs = commands.add_parser("run")
    runs.add_argument("folder", type=Path)
    runs.add_argument("count", type=int)
    runs.add_argument("--new-lamp", action="store_true")
    given = parser.parse_args()
    if given.command == "prepare":
        prepare()
    else:
        run(given.folder, given.count, new_lamp=given.new_lamp)


if __name__ == "__main__":
    main()
