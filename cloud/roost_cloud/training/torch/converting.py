"""A trained network as `.tflite` files, through LiteRT's schema."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roost_cloud.training.torch.network import Network
from roost_shared.tflite.convolutional import ConvolutionLayer, write_convolutional
from roost_shared.tflite.dense import DenseLayer, write_dense

__all__ = ["convert"]


def convert(network: Network, input_shape: tuple[int, ...], input_name: str, scale: float) -> dict[str, bytes]:
    """`base` and `head`.

    Args:
        network: as `make_network` makes it, not in training.
        input_shape: (1, height, width, channels).
        input_name: of the base's input.
        scale: by which pictures were multiplied in training: it becomes part of the first weights.
    """
    modules = list(network.base)
    convolutions: list[ConvolutionLayer] = []
    for convolution, norm in zip(modules[:-4:4], modules[1:-4:4], strict=True):
        convolutions.append(_folded(convolution, norm, 1.0 if convolutions else scale))
    height, width = (length >> len(convolutions) for length in input_shape[1:3])
    dense = modules[-2]
    features = dense.weight.shape[0]
    # Torch's map is channels first when it becomes a row, LiteRT's channels last.
    weights = _numbers(dense.weight).reshape(features, -1, height, width).transpose(2, 3, 1, 0).reshape(-1, features)
    layer = DenseLayer(weights, _numbers(dense.bias), "relu")
    head = DenseLayer(_numbers(network.head.weight).T, _numbers(network.head.bias), "softmax")
    return {
        "base": write_convolutional(convolutions, [layer], input_shape=input_shape, input_name=input_name),
        "head": write_dense([head], input_shape=(1, features), input_name="features"),
    }


def _folded(convolution: Any, norm: Any, scale: float) -> ConvolutionLayer:
    """A convolution with the normalisation behind it in its weights."""
    gain = _numbers(norm.weight) / np.sqrt(_numbers(norm.running_var) + norm.eps)
    weights = _numbers(convolution.weight).transpose(0, 2, 3, 1) * gain[:, None, None, None] * scale
    bias = (_numbers(convolution.bias) - _numbers(norm.running_mean)) * gain + _numbers(norm.bias)
    return ConvolutionLayer(weights, bias)


def _numbers(tensor: Any) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = tensor.detach().numpy().astype(np.float64)
    return numbers
