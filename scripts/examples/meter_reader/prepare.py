"""What the example starts from: a trained model, labelled photos of what it knows, and photos that it will see.

    model.tflite labels.txt
    known/<label>/*       the model's maker had these; what is learnt later may not forget them
    before/<label>/*      what the camera sees at first
    after/<label>/*       what it sees once it has slipped in its holder

Yours, by --photos, --model and --labels; or scikit-learn's handwritten digits and a network fitted to them here.
"""

import argparse
import random
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from roost_shared.tflite.dense import DenseLayer, write_dense

KNOWN: Final = 400
BEFORE: Final = 60
AFTER: Final = 400

Photo = tuple[str, str, bytes]  # label, file name, the file


def main() -> None:
    """Write it all into the current folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=Path, help="DIR/<label>/*")
    parser.add_argument("--model", type=Path, help="a .tflite classifier of them")
    parser.add_argument("--labels", type=Path, help="a label a line, in the order of the model's outputs")
    given = parser.parse_args()
    if given.photos:
        photos = [(file.parent.name, file.name, file.read_bytes()) for file in sorted(given.photos.glob("*/*"))]
        shutil.copy(given.model, "model.tflite")
        shutil.copy(given.labels, "labels.txt")
    else:
        photos = list(handwritten())
    random.Random(1).shuffle(photos)
    known, before, rest = photos[:KNOWN], photos[KNOWN : KNOWN + BEFORE], photos[KNOWN + BEFORE :]
    if not given.photos:
        fit(known)
    put("known", known)
    put("before", before)
    put(
        "after",
        ((label, name + ".png", slipped(data, 8 if given.photos else 12)) for label, name, data in rest[:AFTER]),
    )


def put(folder: str, photos: Iterator[Photo] | list[Photo]) -> None:
    """Write photos as DIR/<label>/*."""
    for label, name, data in photos:
        file = Path(folder, label, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def slipped(photo: bytes, part: int) -> bytes:
    """What the camera sees of a photo's scene, moved by one of so many parts of it: its edge shows again and again."""
    with Image.open(BytesIO(photo)) as image:
        pixels = np.asarray(image.convert("RGB"))
    height, width, _ = pixels.shape
    moved = np.pad(pixels, ((0, height // part), (0, width // part), (0, 0)), mode="edge")[-height:, -width:]
    return png(Image.fromarray(moved))


def handwritten() -> Iterator[Photo]:
    """8×8 grey pixels each, 0…16."""
    images, labels = load_digits(return_X_y=True)
    for number, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        image = Image.fromarray((pixels.reshape(8, 8) * 15.9).astype(np.uint8))
        yield str(label), f"{number}.png", png(image.resize((32, 32)))


def png(image: Image.Image) -> bytes:
    """The picture as a file."""
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def fit(photos: list[Photo]) -> None:
    """Fit a small network to photos of digits: grey pixels, 0…255, of 16×16."""
    pixels = [np.asarray(Image.open(BytesIO(data)).resize((16, 16)), np.float32).ravel() for _, _, data in photos]
    network = MLPClassifier((48,), solver="lbfgs", alpha=1.0, max_iter=200, random_state=0)
    network.fit(np.stack(pixels) / 255, [label for label, _, _ in photos])
    (hidden, last), (hidden_bias, last_bias) = network.coefs_, network.intercepts_
    layers = [DenseLayer(hidden / 255, hidden_bias, "relu"), DenseLayer(last, last_bias, "softmax")]
    Path("model.tflite").write_bytes(write_dense(layers, input_shape=(1, 16, 16, 1), input_name="image"))
    Path("labels.txt").write_text("".join(f"{label}\n" for label in network.classes_))


if __name__ == "__main__":
    main()
