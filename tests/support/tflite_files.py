"""Model files as the schema's objects, to bend them; and a run of a file, apart from our own runtimes."""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from roost_shared.tflite.dense import DenseLayer, write_dense
from roost_shared.tflite.pack import pack_tflite

__all__ = ["TfliteRun", "convolutional_model", "frozen_base_model", "unpacked"]

HIDDEN = DenseLayer(np.random.default_rng(1).normal(size=(12, 5)), np.random.default_rng(2).normal(size=5), "relu")


class TfliteRun:
    """A loaded file with one output."""

    def __init__(self, data: bytes) -> None:
        self._interpreter = Interpreter(model_content=data, num_threads=1)
        self._interpreter.allocate_tensors()
        self.inputs: list[dict[str, Any]] = self._interpreter.get_input_details()
        (self._output,) = self._interpreter.get_output_details()

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[Any]:
        """The output for these inputs, as stored."""
        for detail, values in zip(self.inputs, inputs, strict=True):
            self._interpreter.set_tensor(detail["index"], values)
        self._interpreter.invoke()
        output: NDArray[Any] = self._interpreter.get_tensor(self._output["index"])
        return output


def frozen_base_model(seed: int = 3, classes: int = 3) -> bytes:
    """A picture of 2×2 RGB pixels, a hidden layer that is ever the same, a dense layer by `seed`, softmax."""
    random = np.random.default_rng(seed)
    last = DenseLayer(random.normal(size=(5, classes)), random.normal(size=classes), "softmax")
    return write_dense([HIDDEN, last], input_shape=(1, 2, 2, 3))


def convolutional_model() -> bytes:
    """As MobileNets end: RELU of a 1×1 map of five channels, a 1×1 convolution, SQUEEZE, LOGISTIC."""
    op, random = schema.BuiltinOperator, np.random.default_rng(7)
    codes = [op.RELU, op.CONV_2D, op.SQUEEZE, op.LOGISTIC]
    weights, bias = random.normal(size=(3, 1, 1, 5)), random.normal(size=3)
    shapes = [[1, 1, 1, 5], [1, 1, 1, 5], [1, 1, 1, 3], [1, 3], [1, 3], [3, 1, 1, 5], [3]]
    buffers = [0, 0, 0, 0, 0, 1, 2]
    options: list[tuple[int, Any]] = [
        (0, None),
        (schema.BuiltinOptions.Conv2DOptions, schema.Conv2DOptionsT(strideW=1, strideH=1)),
        (schema.BuiltinOptions.SqueezeOptions, schema.SqueezeOptionsT(squeezeDims=[1, 2])),
        (0, None),
    ]
    graph = schema.SubGraphT(
        tensors=[
            schema.TensorT(shape=shape, buffer=buffer, name=f"tensor_{number}")
            for number, (shape, buffer) in enumerate(zip(shapes, buffers, strict=True))
        ],
        inputs=[0],
        outputs=[4],
        operators=[
            schema.OperatorT(
                opcodeIndex=number,
                inputs=[number, 5, 6] if code == op.CONV_2D else [number],
                outputs=[number + 1],
                builtinOptionsType=kind,
                builtinOptions=table,
            )
            for number, (code, (kind, table)) in enumerate(zip(codes, options, strict=True))
        ],
    )
    model = schema.ModelT(
        version=3,
        operatorCodes=[schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=code) for code in codes],
        subgraphs=[graph],
        buffers=[
            schema.BufferT(),
            *(schema.BufferT(data=v.astype(np.float32).view(np.uint8).reshape(-1)) for v in (weights, bias)),
        ],
    )
    return pack_tflite(model)


def unpacked(data: bytes) -> Any:
    """The file's `ModelT`."""
    return schema.ModelT.InitFromPackedBuf(data, 0)
