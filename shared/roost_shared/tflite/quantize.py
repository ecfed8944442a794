"""A float32 `.tflite` file in int8, by `ai-edge-quantizer`: weights, and what is computed between input and output.

Input and output stay float32, so that the file fits where the other did, and so does a softmax, so that probabilities
are not rounded to 256ths. Ranges are those seen on samples. The same file and samples give the same bytes.
"""

import io
import warnings
from collections.abc import Iterable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, Final

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from roost_shared.tflite.pack import pack_tflite

__all__ = ["quantize_tflite"]

_SIGNATURE: Final = "roost"


def quantize_tflite(data: bytes, samples: Iterable[Sequence[NDArray[np.float32]]]) -> bytes:
    """Quantise a file.

    Args:
        data: a file of float32 tensors.
        samples: its inputs, as many arrays each as it has, of at least one run: what it will meet.

    Raises:
        ValueError: there are no samples, or the quantiser cannot do it.
    """
    from ai_edge_quantizer import calibrator, quantizer  # noqa: PLC0415 - takes half a second to load
    from ai_edge_quantizer.utils.qsv_utils import min_max_update  # noqa: PLC0415 - see above

    signed = _with_signature(data)
    names = [tensor.name for tensor in signed.signatureDefs[0].inputs]
    runs = [dict(zip(names, sample, strict=True)) for sample in samples]
    if not runs:
        raise ValueError("without samples nothing is known of its ranges")
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore", UserWarning)  # it looks into the network as it runs, which costs memory
        file, recipe = bytearray(pack_tflite(signed)), _recipe()
        # Its own way of calibrating takes moving averages of ranges, and so cuts off what lies beyond.
        seen = calibrator.Calibrator(file, num_threads=1, qsv_update_func=min_max_update)
        seen.calibrate({_SIGNATURE: runs}, recipe)
        work = quantizer.Quantizer(file, recipe.get_quantization_recipe())
        quantized = bytes(work.quantize(seen.get_model_qsvs()).quantized_model)
    return _without_signature(quantized)


def _recipe() -> Any:
    from ai_edge_quantizer import algorithm_manager, qtyping, recipe, recipe_manager  # noqa: PLC0415 - see above

    names, none = qtyping.TFLOperationName, algorithm_manager.AlgorithmName.NO_QUANTIZE
    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(recipe.static_wi8_ai8())
    # A scale for each row of a dense layer is beyond older runtimes.
    manager.add_static_config(".*", names.FULLY_CONNECTED, 8, 8, qtyping.QuantGranularity.TENSORWISE)
    for left in (names.INPUT, names.OUTPUT, names.SOFTMAX):
        manager.add_quantization_config(".*", left, algorithm_key=none)
    return manager


def _with_signature(data: bytes) -> Any:
    """The file's objects with a signature, by which alone the quantiser feeds a network."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    graph = model.subgraphs[0]
    sides = [
        [schema.TensorMapT(name=graph.tensors[index].name.decode(), tensorIndex=int(index)) for index in indices]
        for indices in (graph.inputs, graph.outputs)
    ]
    model.signatureDefs = [
        schema.SignatureDefT(inputs=sides[0], outputs=sides[1], signatureKey=_SIGNATURE, subgraphIndex=0)
    ]
    return model


def _without_signature(data: bytes) -> bytes:
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    model.signatureDefs = None
    model.metadata = None
    return pack_tflite(model)
