"""Small dense networks, fitted by scikit-learn on a share of an album and written as tflite."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from roost_shared.bundle.manifest import ImagePayload, Preprocessing, TensorSpec
from roost_shared.limits import InputLimits
from roost_shared.payload import open_payload
from roost_shared.preprocess import Preprocessor
from roost_shared.tflite.dense import DenseLayer, write_dense
from scripts.roost_demo.pictures import AlbumError, Picture

__all__ = ["Recipe", "fit_network", "image_payload"]

Floats = NDArray[np.floating[Any]]

_ABSENT: float = -30.0  # logit of a label the network never saw: no probability to speak of


@dataclass(frozen=True)
class Recipe:
    """How good a network shall be.

    Attributes:
        samples: pictures it is fitted on.
        hidden: units in its hidden layer.
        penalty: weight of the squared weights in the loss.
    """

    samples: int
    hidden: int
    penalty: float = 0.3


def image_payload(side: int) -> ImagePayload:
    """What a network sees of a picture: `side` by `side` grey pixels, -0.5…0.5."""
    return ImagePayload(input="image", width=side, height=side, colour="L", scale=(1 / 255,), offset=(-0.5,))


def fit_network(pictures: Sequence[Picture], labels: Sequence[str], side: int, recipe: Recipe) -> bytes:
    """Fit a network and write it as tflite: input `image` (1, side, side, 1) float32, output (1, labels) float32.

    The pixels come from the very code that will prepare them on the device.

    Raises:
        AlbumError: the pictures are of one label only.
        InputError: one of them is no image.
    """
    taken = pictures[: recipe.samples]
    if len({picture.label for picture in taken}) < 2:  # noqa: PLR2004 - to tell apart takes two
        raise AlbumError("the pictures to fit a network on are all of one label: give some of another")
    network = MLPClassifier((recipe.hidden,), solver="lbfgs", alpha=recipe.penalty, max_iter=200, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # good enough is enough here
        network.fit(_pixels(taken, side), [labels.index(picture.label) for picture in taken])
    return write_dense(_layers(network, len(labels)), input_shape=(1, side, side, 1), input_name="image")


def _pixels(pictures: Sequence[Picture], side: int) -> Floats:
    """What the network will see, (pictures, side * side) float32."""
    tensor = TensorSpec(name="image", dtype="float32", shape=(1, side, side, 1))
    prepare = Preprocessor(Preprocessing(payload=image_payload(side)), (tensor,))
    limits = InputLimits()
    return np.stack([prepare(open_payload(picture.payload, limits=limits), {})[0].ravel() for picture in pictures])


def _layers(network: MLPClassifier, outputs: int) -> list[DenseLayer]:
    """The fitted layers, the last widened to all `outputs` labels in their order."""
    (hidden, last), (hidden_bias, last_bias) = network.coefs_, network.intercepts_
    if last.shape[1] == 1:  # of two labels scikit-learn fits only the second one's logit
        last, last_bias = np.hstack([np.zeros_like(last), last]), np.append(0.0, last_bias)
    weights, bias = np.zeros((last.shape[0], outputs)), np.full(outputs, _ABSENT)
    weights[:, network.classes_], bias[network.classes_] = last, last_bias
    return [DenseLayer(hidden, hidden_bias, "relu"), DenseLayer(weights, bias, "softmax")]
