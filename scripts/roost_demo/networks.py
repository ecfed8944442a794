"""Small dense networks, fitted by scikit-learn on a share of an album and written as tflite.

A network is a base, its hidden layer, and a head, its last: another head fitted on the same base is a network of its
own that costs a device next to nothing beside the first.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from roost_shared.bundle.manifest import ImagePayload, Preprocessing, StageName, TensorSpec
from roost_shared.limits import InputLimits
from roost_shared.payload import open_payload
from roost_shared.preprocess import Preprocessor
from roost_shared.tflite.dense import DenseLayer, write_dense
from scripts.roost_demo.pictures import AlbumError, Picture

__all__ = ["Network", "Recipe", "fit_network", "image_payload", "refit_head"]

Floats = NDArray[np.floating[Any]]

_ABSENT: Final = -30.0  # logit of a label the network never saw: no probability to speak of
_HEAD_FREEDOM: Final = 0.1  # inverse weight of the squared weights when a head is refitted


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


@dataclass(frozen=True)
class Network:
    """A fitted network.

    Attributes:
        side: pixels of the pictures it takes.
        base: from pixels to features.
        head: from features to probabilities of all labels.
    """

    side: int
    base: DenseLayer
    head: DenseLayer

    def whole(self) -> dict[StageName, bytes]:
        """One file: input `image` (1, side, side, 1) float32, output (1, labels) float32."""
        return {"model": write_dense([self.base, self.head], input_shape=self._shape, input_name="image")}

    def halves(self) -> dict[StageName, bytes]:
        """Two files, the head's input being the base's output; equal bases give equal files."""
        features = self.base.bias.size
        base = write_dense([self.base], input_shape=self._shape, input_name="image", output_name="features")
        return {"base": base, "head": write_dense([self.head], input_shape=(1, features), input_name="features")}

    def features(self, pixels: Floats) -> Floats:
        """What the base makes of `pixels` (pictures, side * side)."""
        return np.maximum(pixels @ self.base.weights + self.base.bias, 0)

    @property
    def _shape(self) -> tuple[int, int, int, int]:
        return (1, self.side, self.side, 1)


def image_payload(side: int) -> ImagePayload:
    """What a network sees of a picture: `side` by `side` grey pixels, -0.5…0.5."""
    return ImagePayload(input="image", width=side, height=side, colour="L", scale=(1 / 255,), offset=(-0.5,))


def fit_network(pictures: Sequence[Picture], labels: Sequence[str], side: int, recipe: Recipe) -> Network:
    """Fit a network on as many of the pictures as the recipe says.

    The pixels come from the very code that will prepare them on the device.

    Raises:
        AlbumError: the pictures are of one label only.
        InputError: one of them is no image.
    """
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - takes seconds to load
    from sklearn.neural_network import MLPClassifier  # noqa: PLC0415 - see above

    taken = _checked(pictures[: recipe.samples])
    network = MLPClassifier((recipe.hidden,), solver="lbfgs", alpha=recipe.penalty, max_iter=200, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # good enough is enough here
        network.fit(_pixels(taken, side), _places(taken, labels))
    (hidden, last), (hidden_bias, last_bias) = network.coefs_, network.intercepts_
    return Network(
        side,
        base=DenseLayer(hidden, hidden_bias, "relu"),
        head=_head(last, last_bias, network.classes_, len(labels)),
    )


def refit_head(
    network: Network, pictures: Sequence[Picture], labels: Sequence[str], *, freedom: float = _HEAD_FREEDOM
) -> Network:
    """The same base with a head fitted anew, on all the pictures; raises as `fit_network`."""
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - takes seconds to load
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - see above

    taken = _checked(pictures)
    head = LogisticRegression(C=freedom, max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        head.fit(network.features(_pixels(taken, network.side)), _places(taken, labels))
    return replace(network, head=_head(head.coef_.T, head.intercept_, head.classes_, len(labels)))


def _checked(pictures: Sequence[Picture]) -> Sequence[Picture]:
    if len({picture.label for picture in pictures}) < 2:  # noqa: PLR2004 - to tell apart takes two
        raise AlbumError("the pictures to fit a network on are all of one label: give some of another")
    return pictures


def _places(pictures: Sequence[Picture], labels: Sequence[str]) -> list[int]:
    return [labels.index(picture.label) for picture in pictures]


def _pixels(pictures: Sequence[Picture], side: int) -> Floats:
    """What the network will see, (pictures, side * side) float32."""
    tensor = TensorSpec(name="image", dtype="float32", shape=(1, side, side, 1))
    prepare = Preprocessor(Preprocessing(payload=image_payload(side)), (tensor,))
    limits = InputLimits()
    return np.stack([prepare(open_payload(picture.payload, limits=limits), {})[0].ravel() for picture in pictures])


def _head(weights: Floats, bias: Floats, classes: NDArray[np.integer[Any]], outputs: int) -> DenseLayer:
    """A fitted last layer, widened to all `outputs` labels in their order."""
    if weights.shape[1] == 1:  # of two labels scikit-learn fits only the second one's logit
        weights, bias = np.hstack([np.zeros_like(weights), weights]), np.append(0.0, bias)
    all_weights, all_bias = np.zeros((weights.shape[0], outputs)), np.full(outputs, _ABSENT)
    all_weights[:, classes], all_bias[classes] = weights, bias
    return DenseLayer(all_weights, all_bias, "softmax")
