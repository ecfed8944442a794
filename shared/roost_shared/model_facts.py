"""What a model file of any format tells beyond the names and shapes of its tensors: hints for who builds a bundle.

`tflite.inspect` and `onnx.inspect` read them.
"""

from typing import NamedTuple

__all__ = ["ModelFacts", "Span"]

Span = tuple[float, float]  # the least and the greatest real value


class ModelFacts(NamedTuple):
    """Hints from the file.

    Attributes:
        gives_probabilities: for each output, whether it comes out of a softmax or sigmoid.
        input_ranges: for each input, the least and greatest real value it holds once quantised; None for a float input
            that stays one.
        ram_bytes: weights, a packed copy of them as fast kernels make, and the tensors alive at the same time.
    """

    gives_probabilities: tuple[bool, ...]
    input_ranges: tuple[Span | None, ...]
    ram_bytes: int
