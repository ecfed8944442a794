from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from PIL import Image

from roost_shared.bundle.examples import evenly, read_examples
from roost_shared.tflite.dense import DenseLayer, write_dense
from roost_shared.tflite.pack import pack_tflite
from roost_shared.tflite.split import SplitError, split_tflite
from tests.support.shared_data import METER_LABELS, SHARED_DATA, needs_shared_data
from tests.support.tflite_files import TfliteRun, convolutional_model, frozen_base_model, unpacked

OP = schema.BuiltinOperator
FLOAT16 = schema.TensorType.FLOAT16


def test_the_halves_compute_what_the_whole_does() -> None:
    whole = frozen_base_model()
    halves = split_tflite(whole)
    pictures = np.random.default_rng(4).normal(size=(50, 1, 2, 2, 3)).astype(np.float32)
    assert _deviation(whole, pictures) == 0
    assert TfliteRun(halves.base)(pictures[0]).shape == (1, 5)


def test_a_frozen_base_gives_the_same_bytes_under_every_head() -> None:
    one, other = split_tflite(frozen_base_model(seed=3)), split_tflite(frozen_base_model(seed=4, classes=7))
    assert one.base == other.base
    assert one.head != other.head


def test_the_same_file_gives_the_same_halves() -> None:
    assert split_tflite(frozen_base_model()) == split_tflite(frozen_base_model())


def test_a_half_holds_nothing_of_the_other() -> None:
    halves = split_tflite(frozen_base_model())
    base, head = unpacked(halves.base), unpacked(halves.head)
    assert len(halves.base) + len(halves.head) < 1.5 * len(frozen_base_model())
    assert [_codes(base), _codes(head)] == [[OP.RESHAPE, OP.FULLY_CONNECTED], [OP.FULLY_CONNECTED, OP.SOFTMAX]]
    for model in (base, head):
        used = {tensor.buffer for tensor in model.subgraphs[0].tensors} | {0}
        assert used == set(range(len(model.buffers)))
        assert len(model.operatorCodes) == 2


def test_buffers_without_content_become_one() -> None:
    """As converters leave them: a buffer of its own for every tensor that is computed."""
    model = unpacked(frozen_base_model())
    for tensor in model.subgraphs[0].tensors:
        if tensor.buffer == 0:
            model.buffers.append(schema.BufferT(data=np.zeros(0, np.uint8)))
            tensor.buffer = len(model.buffers) - 1
    assert split_tflite(pack_tflite(model)) == split_tflite(frozen_base_model())


def test_what_an_operator_names_besides_goes_with_it_but_for_notes_on_the_whole() -> None:
    model = unpacked(frozen_base_model())
    hidden = model.subgraphs[0].operators[1]
    hidden.intermediates, hidden.debugMetadataIndex = [_tensor(model)], 7
    graph = unpacked(split_tflite(pack_tflite(model)).base).subgraphs[0]
    (intermediate,) = graph.operators[1].intermediates
    assert graph.tensors[intermediate].name == b"more"
    assert graph.operators[1].debugMetadataIndex == -1


def test_files_of_old_converters_are_read_too() -> None:
    """They know an operator by the field that is deprecated today, and leave the other 0."""
    model = unpacked(frozen_base_model())
    for code in model.operatorCodes:
        code.builtinCode = 0
    halves = split_tflite(pack_tflite(model))
    picture = np.ones((1, 2, 2, 3), np.float32)
    found = TfliteRun(halves.head)(TfliteRun(halves.base)(picture))
    np.testing.assert_array_equal(found, TfliteRun(frozen_base_model())(picture))


def test_an_input_left_out_stays_left_out() -> None:
    model = unpacked(frozen_base_model())
    dense = model.subgraphs[0].operators[2]
    dense.inputs = [*dense.inputs[:2], -1]  # no bias
    head = unpacked(split_tflite(pack_tflite(model)).head).subgraphs[0]
    assert list(head.operators[0].inputs)[2] == -1


def test_weights_lie_on_boundaries_of_16_bytes() -> None:
    file = schema.Model.GetRootAs(split_tflite(frozen_base_model()).base, 0)
    starts = [
        vector._tab.Vector(vector._tab.Offset(4))  # 4: the slot of the data
        for vector in map(file.Buffers, range(file.BuffersLength()))
        if not vector.DataIsNone()
    ]
    assert starts
    assert all(start % 16 == 0 for start in starts)


def test_external_state_stays_with_the_base() -> None:
    random = np.random.default_rng(5)
    layers = [DenseLayer(random.normal(size=(14, 4)), random.normal(size=4), "relu"), _last(4)]
    whole = write_dense(layers, input_shape=(1, 12), state={"hour": 1, "flow": 1})
    halves = split_tflite(whole)
    values = [random.normal(size=(1, length)).astype(np.float32) for length in (12, 1, 1)]
    assert [detail["name"] for detail in TfliteRun(halves.base).inputs] == ["input", "hour", "flow"]
    np.testing.assert_array_equal(TfliteRun(halves.head)(TfliteRun(halves.base)(*values)), TfliteRun(whole)(*values))


def test_a_convolution_of_one_pixel_is_a_dense_layer() -> None:
    whole = convolutional_model()
    assert _codes(unpacked(split_tflite(whole).head)) == [OP.CONV_2D, OP.SQUEEZE, OP.LOGISTIC]
    assert _deviation(whole, np.random.default_rng(8).normal(size=(20, 1, 1, 1, 5)).astype(np.float32)) == 0


def test_weights_that_are_constants_in_another_type_go_with_the_head() -> None:
    """As post-training quantisation to float16 leaves them: DEQUANTIZE of a constant."""
    model = unpacked(frozen_base_model())
    graph = model.subgraphs[0]
    weights = int(graph.operators[2].inputs[1])
    values = model.buffers[graph.tensors[weights].buffer].data.view(np.float32).astype(np.float16)
    model.buffers.append(schema.BufferT(data=values.view(np.uint8)))
    half = schema.TensorT(shape=graph.tensors[weights].shape, type=FLOAT16, buffer=len(model.buffers) - 1, name="half")
    graph.tensors.append(half)
    graph.tensors[weights].buffer = 0
    _insert(model, OP.DEQUANTIZE, inputs=[len(graph.tensors) - 1], outputs=[weights])
    whole = pack_tflite(model)
    assert OP.DEQUANTIZE in _codes(unpacked(split_tflite(whole).head))
    assert OP.DEQUANTIZE not in _codes(unpacked(split_tflite(whole).base))
    assert _deviation(whole, np.ones((1, 1, 2, 2, 3), np.float32)) == 0


# --- what cannot be split --------------------------------------------------------------------------------------


def _two_subgraphs(model: Any) -> None:
    model.subgraphs.append(model.subgraphs[0])


def _two_outputs(model: Any) -> None:
    graph = model.subgraphs[0]
    graph.outputs = [*graph.outputs, graph.operators[1].outputs[0]]


def _weights_elsewhere(model: Any) -> None:
    model.buffers[-1].offset, model.buffers[-1].size = 4096, 16


def _weights_in_another_file(model: Any) -> None:
    model.externalBuffers = [schema.ExternalBufferT(id=1, length=16)]


def _options_elsewhere(model: Any) -> None:
    model.subgraphs[0].operators[1].largeCustomOptionsOffset = 4096


def _empty(model: Any) -> None:
    graph = model.subgraphs[0]
    graph.operators, graph.outputs, model.buffers = None, graph.inputs, None


def _ends_in_tanh(model: Any) -> None:
    _insert(model, OP.TANH, inputs=model.subgraphs[0].outputs, outputs=_new_output(model))


def _ends_in_a_custom_operator(model: Any) -> None:
    _insert(model, OP.CUSTOM, inputs=model.subgraphs[0].outputs, outputs=_new_output(model))
    model.operatorCodes[-1].customCode = "Detect"


def _only_a_softmax(model: Any) -> None:
    graph = model.subgraphs[0]
    graph.operators = graph.operators[-1:]
    graph.inputs = graph.operators[0].inputs


def _embedding_read_elsewhere(model: Any) -> None:
    embedding = int(model.subgraphs[0].operators[1].outputs[0])
    _insert(model, OP.TANH, inputs=[embedding], outputs=[_tensor(model)])


def _idle_operator(model: Any) -> None:
    _insert(model, OP.TANH, inputs=model.subgraphs[0].inputs, outputs=[_tensor(model)])


def _output_read(model: Any) -> None:
    _insert(model, OP.TANH, inputs=model.subgraphs[0].outputs, outputs=[_tensor(model)])


def _weights_as_an_input(model: Any) -> None:
    graph = model.subgraphs[0]
    weights = int(graph.operators[2].inputs[1])
    graph.tensors[weights].buffer = 0
    graph.inputs = [*graph.inputs, weights]


def _no_base(model: Any) -> None:
    graph = model.subgraphs[0]
    graph.operators = graph.operators[2:]
    graph.inputs = graph.operators[0].inputs[:1]


def _four_rows(model: Any) -> None:
    graph = model.subgraphs[0]
    for operator in graph.operators[2:]:
        graph.tensors[int(operator.outputs[0])].shape = [4, 3]


def _convolution_on_a_map(model: Any) -> None:
    graph = model.subgraphs[0]
    last = graph.operators[2]
    model.operatorCodes.append(schema.OperatorCodeT(builtinCode=OP.CONV_2D, deprecatedBuiltinCode=OP.CONV_2D))
    last.opcodeIndex = len(model.operatorCodes) - 1
    graph.tensors[int(last.inputs[0])].shape = [1, 7, 7, 5]
    graph.tensors[int(last.inputs[1])].shape = [3, 1, 1, 5]


@pytest.mark.parametrize(
    ("bend", "why"),
    [
        (_two_subgraphs, "it has 2 subgraphs"),
        (_two_outputs, "it has 2 outputs, not one"),
        (_weights_elsewhere, "outside its flatbuffer"),
        (_weights_in_another_file, "outside its flatbuffer"),
        (_options_elsewhere, "outside its flatbuffer"),
        (_empty, "no dense layer lies between"),
        (_ends_in_tanh, "it ends in TANH, not in a dense layer"),
        (_ends_in_a_custom_operator, "it ends in Detect, not in a dense layer"),
        (_only_a_softmax, "no dense layer lies between"),
        (_convolution_on_a_map, "it ends in CONV_2D, not in a dense layer"),
        (_embedding_read_elsewhere, "'dense_0' is read by 2 operators"),
        (_idle_operator, "its TANH does not lead to the output"),
        (_output_read, "its output 'output' is read by another operator"),
        (_weights_as_an_input, "weights that are not constant, from 'dense_1/weights'"),
        (_no_base, "nothing comes before its dense layer"),
        (_four_rows, "dense layer of 3 units gives 12 values"),
    ],
)
def test_what_cannot_be_split_is_told_why(bend: Callable[[Any], None], why: str) -> None:
    model = unpacked(frozen_base_model())
    bend(model)
    with pytest.raises(SplitError, match=why) as refused:
        split_tflite(pack_tflite(model))
    assert refused.value.code == "model.unsplittable"


@needs_shared_data
def test_an_extractor_has_no_dense_layer() -> None:
    with pytest.raises(SplitError, match="it ends in AVERAGE_POOL_2D"):
        split_tflite(_shared_model("mobilenet_v1_1.0_224_quant_embedding_extractor"))


# --- real models -----------------------------------------------------------------------------------------------


@needs_shared_data
@pytest.mark.parametrize(
    ("name", "pictures"),
    [
        ("meter-digits_1900_int8", 1000),
        ("meter-digits_2000_float", 1000),
        pytest.param("mobilenet_v2_1.0_224_quant", 150, marks=pytest.mark.campaign),
        ("mobilenet_v1_0.25_128_quant", 400),
    ],
)
def test_real_models_compute_the_same_in_halves(name: str, pictures: int) -> None:
    whole = _shared_model(name)
    halves = split_tflite(whole)
    detail = TfliteRun(whole).inputs[0]
    assert _deviation(whole, _real_pictures(detail["shape"], detail["dtype"], pictures)) == 0
    metadata = 23_000  # bytes: labels and descriptions that the MobileNets carry
    assert len(whole) - metadata < len(halves.base) + len(halves.head) < 1.01 * len(whole)


def _deviation(whole: bytes, pictures: NDArray[Any]) -> float:
    """The largest difference between the halves' and the whole's stored output."""
    halves = split_tflite(whole)
    run, base, head = TfliteRun(whole), TfliteRun(halves.base), TfliteRun(halves.head)
    pairs = ((run(picture).astype(float), head(base(picture)).astype(float)) for picture in pictures)
    return max(float(np.abs(expected - found).max()) for expected, found in pairs)


def _real_pictures(shape: NDArray[Any], dtype: type, count: int) -> NDArray[Any]:
    """Photos of meters and of animals, stretched to `shape`, values 0…255."""
    examples = read_examples(SHARED_DATA / "meter-digits", METER_LABELS)
    paths = [example.path for example in evenly(examples, count)] + sorted((SHARED_DATA / "photos").glob("*.jpg"))
    size = (int(shape[2]), int(shape[1]))
    pixels = [np.asarray(Image.open(path).convert("RGB").resize(size)) for path in paths]
    return np.stack(pixels)[:, np.newaxis].astype(dtype)


def _shared_model(name: str) -> bytes:
    return (SHARED_DATA / "models" / f"{name}.tflite").read_bytes()


def _last(inputs: int) -> DenseLayer:
    random = np.random.default_rng(6)
    return DenseLayer(random.normal(size=(inputs, 3)), random.normal(size=3), "softmax")


def _codes(model: Any) -> list[int]:
    """The operators' codes, in the order they run."""
    codes = [code.builtinCode for code in model.operatorCodes]
    return [codes[operator.opcodeIndex] for operator in model.subgraphs[0].operators]


def _insert(model: Any, code: int, *, inputs: list[int], outputs: list[int]) -> None:
    """Add an operator; one that computes weights comes first, any other last."""
    model.operatorCodes.append(schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=min(code, 127)))
    operator = schema.OperatorT(opcodeIndex=len(model.operatorCodes) - 1, inputs=list(inputs), outputs=outputs)
    place = 0 if code == OP.DEQUANTIZE else len(model.subgraphs[0].operators)
    model.subgraphs[0].operators.insert(place, operator)


def _tensor(model: Any) -> int:
    model.subgraphs[0].tensors.append(schema.TensorT(shape=[1, 3], name="more"))
    return len(model.subgraphs[0].tensors) - 1


def _new_output(model: Any) -> list[int]:
    outputs = [_tensor(model)]
    model.subgraphs[0].outputs = outputs
    return outputs
