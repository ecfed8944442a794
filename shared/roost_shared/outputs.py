"""From a model's output tensors to what they mean: labels and confidence, a number, or an embedding.

Pure arithmetic on the stored values; only what is reported is turned into real units.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from roost_shared.bundle.manifest import (
    BundleDraft,
    OutputSpec,
    OutputValues,
    SoftmaxConfidence,
    TensorConfidence,
    TensorSpec,
)
from roost_shared.runtimes.base import BadOutputError
from roost_shared.scored import Scored

__all__ = ["OutputReader", "as_logits", "softmax"]

Array = NDArray[Any]

TOP: Final = 5  # labels reported
_DECIMALS: Final = 6  # of probabilities: enough for any bar, and readable
_LEAST: Final = 1e-9  # stands for a probability of 0 where its logarithm is taken


def as_logits(real: NDArray[np.float32], values: OutputValues) -> NDArray[np.float64]:
    """An output in real units, as the values that divided by the temperature go into the softmax; of any shape."""
    wide = real.astype(np.float64)
    return np.log(np.maximum(wide, _LEAST)) if values == "probabilities" else wide


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities along the last axis."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: NDArray[np.float64] = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return probabilities


class OutputReader:
    """Reads the outputs of a bundle's last stage.

    Args:
        config: what the bundle says.
        tensors: the last stage's outputs.
    """

    def __init__(self, config: BundleDraft, tensors: tuple[TensorSpec, ...]) -> None:
        self._spec: OutputSpec = config.output
        self._labels = config.labels
        self._confidence = config.confidence
        self._tensors = tensors
        # Worked out once: these are compared for each input, and a dtype's name is slow to read.
        self._sizes = [tensor.elements for tensor in tensors]
        self._dtypes = [np.dtype(tensor.dtype) for tensor in tensors]
        self._keep = min(TOP, tensors[0].elements)

    def read(self, outputs: Sequence[Array]) -> Scored:
        """What the outputs mean.

        Args:
            outputs: one array for each tensor, as stored.

        Raises:
            BadOutputError: one is not finite, or not of its shape.
        """
        values = self._checked(0, outputs[0])
        if self._spec.kind == "classification":
            return self._read_labels(values, outputs)
        real = _real(values, self._tensors[0]).tolist()
        output = real[0] if self._spec.kind == "regression" and len(real) == 1 else real
        return Scored(None, self._own_confidence(outputs), [], output)

    def real(self, outputs: Sequence[Array]) -> list[NDArray[np.float32]]:
        """All outputs in real units, in their own shapes; raises as `read`."""
        return [
            _real(self._checked(number, output), self._tensors[number]).reshape(self._tensors[number].shape)
            for number, output in enumerate(outputs)
        ]

    def _read_labels(self, values: Array, outputs: Sequence[Array]) -> Scored:
        best = _best(values, self._keep)
        temperature = self._confidence.temperature if isinstance(self._confidence, SoftmaxConfidence) else 1.0
        if self._spec.values == "probabilities" and temperature == 1:
            probabilities = [min(max(self._real_value(values.item(index)), 0.0), 1.0) for index in best]
        else:
            logits = as_logits(_real(values, self._tensors[0]), self._spec.values)
            probabilities = softmax(logits / temperature)[best].tolist()
        top = [(self._labels[index], round(p, _DECIMALS)) for index, p in zip(best, probabilities, strict=True)]
        label, probability = top[0]
        is_softmax = isinstance(self._confidence, SoftmaxConfidence)
        return Scored(label, probability if is_softmax else self._own_confidence(outputs), top)

    def _real_value(self, stored: float) -> float:
        quantization = self._tensors[0].quantization
        return stored if quantization is None else (stored - quantization.zero_point) * quantization.scale

    def _own_confidence(self, outputs: Sequence[Array]) -> float | None:
        if not isinstance(self._confidence, TensorConfidence):
            return None
        index = self._confidence.index
        value = _real(self._checked(index, outputs[index]), self._tensors[index]).item()
        return round(min(max(value, 0.0), 1.0), _DECIMALS)

    def _checked(self, number: int, output: Array) -> Array:
        """The output flat, if it is what its tensor says."""
        tensor = self._tensors[number]
        if output.size != self._sizes[number] or output.dtype != self._dtypes[number]:
            raise BadOutputError(
                f"output {tensor.name!r} came as {output.dtype} {list(output.shape)}, "
                f"the bundle says {tensor.dtype} {list(tensor.shape)}"
            )
        if output.dtype.kind == "f" and not np.isfinite(output).all():
            raise BadOutputError(f"output {tensor.name!r} holds values that are infinite or not a number")
        return output.reshape(-1)


def _best(values: Array, count: int) -> list[int]:
    """Indices of the `count` largest values, best first; among equals the lower index, on every machine.

    One stable sort of the reversed values: after an inference all code is cold, and each further call of numpy costs
    more than sorting a thousand numbers.
    """
    last = values.size - 1
    order = values[::-1].argsort(kind="stable")
    return [last - index for index in order[: -count - 1 : -1].tolist()]


def _real(values: Array, tensor: TensorSpec) -> NDArray[np.float32]:
    real = values.astype(np.float32)
    if tensor.quantization is not None:
        real -= tensor.quantization.zero_point
        real *= np.float32(tensor.quantization.scale)
    return real
