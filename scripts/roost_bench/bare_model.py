"""What a program that only decodes, resizes and invokes would do: the floor below every contestant."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

__all__ = ["BareModel"]


class BareModel:
    """A quantised image classifier, one thread, run by hand."""

    def __init__(self, path: Path) -> None:
        self._interpreter = Interpreter(model_path=str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        (details,) = self._interpreter.get_input_details()
        self._input = details["index"]
        self._height, self._width = details["shape"][1:3]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, payload: bytes) -> int:
        """Index of the best label."""
        image: Any = Image.open(io.BytesIO(payload)).convert("RGB")
        if image.size != (self._width, self._height):
            image = image.resize((self._width, self._height), Image.Resampling.BILINEAR)
        self._interpreter.set_tensor(self._input, np.asarray(image)[np.newaxis])
        self._interpreter.invoke()
        return int(self._interpreter.get_tensor(self._output)[0].argmax())
