"""A `.tflite` file made to take its float32 input as quantised by another: so a head fits behind a quantised base."""

from typing import Final

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from roost_shared.bundle.manifest import TensorSpec
from roost_shared.tflite.pack import pack_tflite

__all__ = ["fed_quantized"]

_TYPES: Final = {"int8": schema.TensorType.INT8, "uint8": schema.TensorType.UINT8, "int16": schema.TensorType.INT16}
_OP: Final = schema.BuiltinOperator.DEQUANTIZE


def fed_quantized(data: bytes, given: TensorSpec) -> bytes:
    """The file with its only input as `given`, turned into real numbers by a first operator.

    Raises:
        ValueError: `given` is not stored in a way that can be turned.
    """
    if given.quantization is None or given.dtype not in _TYPES:
        raise ValueError(f"{given.name}: {given.dtype} is no quantised tensor that can be read")
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    graph = model.subgraphs[0]
    (taken,) = (int(index) for index in graph.inputs)
    quantization = schema.QuantizationParametersT(
        scale=np.array([given.quantization.scale], np.float32), zeroPoint=np.array([given.quantization.zero_point])
    )
    graph.tensors.append(
        schema.TensorT(
            shape=list(given.shape), type=_TYPES[given.dtype], buffer=0, name="stored", quantization=quantization
        )
    )
    stored = len(graph.tensors) - 1
    model.operatorCodes.append(schema.OperatorCodeT(builtinCode=_OP, deprecatedBuiltinCode=_OP, version=2))
    graph.operators.insert(
        0, schema.OperatorT(opcodeIndex=len(model.operatorCodes) - 1, inputs=[stored], outputs=[taken])
    )
    graph.inputs = [stored]
    return pack_tflite(model)
