"""Giving an `.onnx` file's inputs other names, so that one document describes it and its twin in another format."""

from collections.abc import Sequence

import onnx
from onnx import helper

__all__ = ["with_input_names"]


def with_input_names(data: bytes, names: Sequence[str]) -> bytes:
    """The same network with its inputs called `names`, in their order.

    Each new input is handed on under the old name, for subgraphs may know that too.

    Raises:
        ValueError: there are more or fewer inputs than names.
    """
    model = onnx.load_model_from_string(data)
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    nodes = []
    for value, name in zip(inputs, names, strict=True):
        if value.name != name:
            nodes.append(helper.make_node("Identity", [name], [value.name], name=f"rename {name}"))
            value.name = name
    nodes.extend(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    renamed: bytes = model.SerializeToString(deterministic=True)
    return renamed
