"""The model all peers serve: a picture decoded, resized to the model's size, scaled, run by ONNX Runtime, read."""

import io
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image

SIDE = 32


class PeerModel:
    """An ONNX classifier of 32 × 32 RGB pixels, on one thread that does not spin, as the scorer's."""

    def __init__(self, path: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def prepare(self, payload: bytes) -> Any:
        """One picture's tensor."""
        image: Any = Image.open(io.BytesIO(payload)).convert("RGB")
        if image.size != (SIDE, SIDE):
            image = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        return np.asarray(image, np.float32)[np.newaxis] / np.float32(255)

    def run(self, tensors: list[Any]) -> list[dict[str, Any]]:
        """The five best labels of each."""
        (rows,) = self._session.run(None, {self._input: np.concatenate(tensors)})
        scores = []
        for row in rows:
            best = row.argsort()[::-1][:5].tolist()
            top = [[str(index), round(float(row[index]), 6)] for index in best]
            scores.append({"label": top[0][0], "confidence": top[0][1], "top": top})
        return scores

    def __call__(self, payload: bytes) -> dict[str, Any]:
        """One picture's score."""
        return self.run([self.prepare(payload)])[0]
