"""What is read out of an inference request, and what is refused."""

import base64
import io
import json
import struct
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from roost_shared.oip import InferRequest, OipError, OipLimits, WantedOutput, header_length, read_request


def tensor(**fields: Any) -> dict[str, Any]:
    return {"name": "input", "shape": [2], "datatype": "UINT8", "data": [1, 2]} | fields


def read(*inputs: dict[str, Any], tail: bytes = b"", limits: OipLimits | None = None, **fields: Any) -> InferRequest:
    head = json.dumps({"inputs": list(inputs), **fields}).encode()
    return read_request(head + tail, json_bytes=len(head) if tail else None, limits=limits)


def array(request: InferRequest) -> NDArray[Any]:
    loaded: NDArray[Any] = np.load(io.BytesIO(request.payload))
    return loaded


def binary(data: bytes, **fields: Any) -> dict[str, Any]:
    found = tensor(parameters={"binary_data_size": len(data)}, **fields)
    del found["data"]
    return found


def test_a_tensor_in_json_becomes_an_array_file_of_its_shape_flat_or_nested() -> None:
    for data in ([1, 2, 3, 4], [[1, 2], [3, 4]]):
        loaded = array(read(tensor(shape=[2, 2], datatype="FP32", data=data)))
        assert loaded.dtype == np.float32
        assert loaded.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("datatype", "dtype"),
    [
        ("BOOL", "?"),
        ("UINT8", "u1"),
        ("UINT16", "u2"),
        ("UINT32", "u4"),
        ("UINT64", "u8"),
        ("INT8", "i1"),
        ("INT16", "i2"),
        ("INT32", "i4"),
        ("INT64", "i8"),
        ("FP16", "f2"),
        ("FP32", "f4"),
        ("FP64", "f8"),
    ],
)
def test_a_tensor_in_binary_becomes_an_array_file_of_its_datatype(datatype: str, dtype: str) -> None:
    values = np.array([[1, 0, 1]], dtype)
    loaded = array(read(binary(values.tobytes(), shape=[1, 3], datatype=datatype), tail=values.tobytes()))
    assert loaded.dtype == values.dtype
    assert loaded.tolist() == values.tolist()


def test_an_encoded_input_is_passed_on_as_it_is() -> None:
    image = b"\xff\xd8\xff\x00"
    framed = struct.pack("<I", len(image)) + image
    text = base64.b64encode(image).decode()
    in_json = tensor(datatype="BYTES", shape=[1], data=[text], parameters={"content_encoding": "base64"})
    assert bytes(read(binary(framed, datatype="BYTES", shape=[1]), tail=framed).payload) == image
    assert read(in_json).payload == image
    assert read(tensor(datatype="BYTES", shape=[1, 1], data=["[1, 2]"])).payload == b"[1, 2]"


def test_what_the_caller_asks_for_is_read() -> None:
    outputs = [{"name": "label"}, {"name": "confidence", "parameters": {"binary_data": False}}]
    parameters = {"deadline_ms": 50, "policy": "force:big", "operator_token": "t", "binary_data_output": True, "x": []}
    request = read(
        tensor(parameters={"content_type": "application/x-npy"}), id="7", parameters=parameters, outputs=outputs
    )
    assert (request.deadline_ms, request.force, request.operator_token) == (50, "big", "t")
    assert request.content_type == "application/x-npy"
    assert request.form.id == "7"
    assert request.form.wanted == (WantedOutput("label", binary=True), WantedOutput("confidence", binary=False))


def test_a_request_may_ask_for_nothing() -> None:
    request = read(tensor(), parameters={"policy": "default"}, id="")
    assert (request.form.id, request.form.wanted, request.force, request.deadline_ms) == (None, None, None, None)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no input": ({"inputs": []}, "oip.bad_tensor"),
    "two inputs": ({"inputs": [tensor(), tensor()]}, "oip.bad_tensor"),
    "no inputs at all": ({}, "oip.bad_json"),
    "no shape": ({"inputs": [{"name": "a", "datatype": "FP32", "data": [1]}]}, "oip.bad_json"),
    "a dimension of 0": ({"inputs": [tensor(shape=[0], data=[])]}, "oip.bad_json"),
    "too many dimensions": ({"inputs": [tensor(shape=[1] * 17)]}, "oip.bad_json"),
    "no data": ({"inputs": [{"name": "a", "datatype": "FP32", "shape": [1]}]}, "oip.bad_tensor"),
    "null data": ({"inputs": [tensor(data=None)]}, "oip.bad_tensor"),
    "too few numbers": ({"inputs": [tensor(data=[1])]}, "oip.bad_tensor"),
    "a number too large": ({"inputs": [tensor(data=[1, 256])]}, "oip.bad_tensor"),
    "text for numbers": ({"inputs": [tensor(data=["1", "2"])]}, "oip.bad_tensor"),
    "ragged": ({"inputs": [tensor(shape=[2, 2], data=[[1, 2], [3]])]}, "oip.bad_tensor"),
    "nested otherwise": ({"inputs": [tensor(shape=[2, 3], data=[[1, 2], [3, 4], [5, 6]])]}, "oip.bad_tensor"),
    "nested too deep": ({"inputs": [tensor(shape=[1, 1], data=[[[1]]])]}, "oip.bad_tensor"),
    "too many numbers": ({"inputs": [tensor(shape=[1 << 20])]}, "oip.too_large"),
    "more than any memory": ({"inputs": [tensor(shape=[1 << 39] * 16)]}, "oip.too_large"),
    "another datatype": ({"inputs": [tensor(datatype="BF16")]}, "oip.unsupported"),
    "halves in json": ({"inputs": [tensor(datatype="FP16")]}, "oip.unsupported"),
    "shared memory": ({"inputs": [tensor(parameters={"shared_memory_region": "a"})]}, "oip.unsupported"),
    "two texts": ({"inputs": [tensor(datatype="BYTES", data=["a", "b"])]}, "oip.bad_tensor"),
    "no base64": (
        {"inputs": [tensor(datatype="BYTES", shape=[1], data=["%"], parameters={"content_encoding": "base64"})]},
        "oip.bad_tensor",
    ),
    "another encoding": (
        {"inputs": [tensor(datatype="BYTES", shape=[1], data=["a"], parameters={"content_encoding": "gzip"})]},
        "oip.bad_parameter",
    ),
    "binary data that is not there": ({"inputs": [tensor(parameters={"binary_data_size": 4})]}, "oip.bad_tensor"),
    "a true size": ({"inputs": [tensor(parameters={"binary_data_size": True})]}, "oip.bad_tensor"),
    "a deadline of 0": ({"inputs": [tensor()], "parameters": {"deadline_ms": 0}}, "oip.bad_parameter"),
    "a deadline that is true": ({"inputs": [tensor()], "parameters": {"deadline_ms": True}}, "oip.bad_parameter"),
    "a deadline in words": ({"inputs": [tensor()], "parameters": {"deadline_ms": "soon"}}, "oip.bad_parameter"),
    "another policy": ({"inputs": [tensor()], "parameters": {"policy": "fast"}}, "oip.bad_parameter"),
    "force of nobody": ({"inputs": [tensor()], "parameters": {"policy": "force:"}}, "oip.bad_parameter"),
    "another output": ({"inputs": [tensor()], "outputs": [{"name": "logits"}]}, "oip.unknown_output"),
    "an output twice": ({"inputs": [tensor()], "outputs": [{"name": "label"}] * 2}, "oip.unknown_output"),
    "classification": (
        {"inputs": [tensor()], "outputs": [{"name": "label", "parameters": {"classification": 3}}]},
        "oip.unsupported",
    ),
    "a long id": ({"inputs": [tensor()], "id": "x" * 257}, "oip.bad_json"),
}


@pytest.mark.parametrize(("document", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_a_request_that_makes_no_sense_is_refused_by_name(document: dict[str, Any], code: str) -> None:
    with pytest.raises(OipError) as caught:
        read_request(json.dumps(document).encode())
    assert caught.value.code == code


def test_text_that_is_no_utf8_is_refused_by_name() -> None:
    with pytest.raises(OipError) as caught:
        read_request(b'{"inputs": [{"name": "a", "datatype": "BYTES", "shape": [1], "data": ["\xff"]}]}')
    assert caught.value.code == "oip.bad_tensor"


@pytest.mark.parametrize(
    ("size", "tail"), [(4, b"123"), (3, b"1234"), (None, b"1"), (-1, b""), (6, b"\x03\0\0\0ab"), (3, b"\3\0\0")]
)
def test_binary_data_of_the_wrong_length_is_refused(size: int | None, tail: bytes) -> None:
    fields = binary(tail, datatype="BYTES", shape=[1])
    fields["parameters"] = {} if size is None else {"binary_data_size": size}
    with pytest.raises(OipError, match="byte") as caught:
        read(fields, tail=tail or b" ")
    assert caught.value.code == "oip.bad_tensor"


@pytest.mark.parametrize(("datatype", "shape"), [("UINT8", [2]), ("UINT8", [4]), ("FP32", [3]), ("FP16", [1, 1])])
def test_binary_data_of_another_size_than_shape_and_datatype_say_is_refused(datatype: str, shape: list[int]) -> None:
    with pytest.raises(OipError, match="take") as caught:
        read(binary(b"123", datatype=datatype, shape=shape), tail=b"123")
    assert caught.value.code == "oip.bad_tensor"


def test_what_is_too_large_is_refused_before_it_is_read() -> None:
    limits = OipLimits(payload_bytes=100, json_bytes=200, json_numbers=3)
    for request in (tensor(name="x" * 300), tensor(shape=[4], data=[1, 2, 3, 4])):
        with pytest.raises(OipError) as caught:
            read(request, limits=limits)
        assert (caught.value.code, caught.value.status) == ("oip.too_large", 413)
    with pytest.raises(OipError, match="the limit is 100"):
        read(binary(bytes(100), shape=[100]), tail=bytes(100), limits=limits)


def test_a_header_length_beyond_the_body_is_refused() -> None:
    with pytest.raises(OipError) as caught:
        read_request(b"{}", json_bytes=header_length("3"))
    assert caught.value.code == "oip.bad_header_length"
