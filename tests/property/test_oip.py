"""Laws of the Open Inference Protocol's codec: what is written is read; whatever comes, the fault has a name."""

import io
import json
import struct
from contextlib import suppress
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from roost_shared.messages import Answer
from roost_shared.oip import (
    HEADER_LENGTH,
    OipError,
    OipLimits,
    ResponseForm,
    WantedOutput,
    answer_response,
    read_request,
)
from roost_shared.oip.datatypes import DATATYPES

dtypes = st.sampled_from([(name, np.dtype(kind.descr)) for name, kind in DATATYPES.items()])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
near_tensors = st.fixed_dictionaries(
    {},
    optional={
        "name": st.just("input") | json_values,
        "shape": st.lists(st.integers(-1, 4), max_size=4) | json_values,
        "datatype": st.sampled_from([*DATATYPES, "BYTES"]) | json_values,
        "data": st.lists(st.integers(-1, 300) | st.booleans() | st.text(max_size=4), max_size=8) | json_values,
        "parameters": st.dictionaries(
            st.sampled_from(["binary_data_size", "content_encoding", "content_type"]), json_values, max_size=2
        )
        | json_values,
    },
)
near_requests = st.fixed_dictionaries(
    {"inputs": st.lists(near_tensors, max_size=2) | json_values},
    optional={
        "id": json_values,
        "parameters": st.dictionaries(st.sampled_from(["deadline_ms", "policy"]), json_values) | json_values,
        "outputs": json_values,
    },
)


@st.composite
def tensors(draw: st.DrawFn) -> tuple[str, NDArray[Any]]:
    name, dtype = draw(dtypes)
    shape = draw(arrays.array_shapes(max_dims=4, max_side=4))
    return name, draw(arrays.arrays(dtype, shape, elements={"allow_nan": False} if dtype.kind == "f" else None))


def request_of(tensor: dict[str, Any], tail: bytes = b"") -> tuple[bytes, int]:
    head = json.dumps({"inputs": [{"name": "input", **tensor}]}).encode()
    return head + tail, len(head)


@given(tensors(), st.booleans())
def test_a_tensor_arrives_as_it_was_sent_in_json_or_binary(tensor: tuple[str, NDArray[Any]], nested: bool) -> None:  # noqa: FBT001 - drawn
    datatype, values = tensor
    described: dict[str, Any] = {"datatype": datatype, "shape": list(values.shape)}
    tail = values.tobytes()
    body, length = request_of({**described, "parameters": {"binary_data_size": len(tail)}}, tail)
    payloads = [read_request(body, json_bytes=length).payload]
    if datatype != "FP16" and np.isfinite(values).all():
        data = values.tolist() if nested else values.reshape(-1).tolist()
        payloads.append(read_request(request_of({**described, "data": data})[0]).payload)
    for payload in payloads:
        loaded = np.load(io.BytesIO(payload))
        assert loaded.dtype == values.dtype
        assert loaded.shape == values.shape
        assert loaded.tobytes() == values.tobytes() or np.array_equal(loaded, values)


@given(st.binary(max_size=200), st.none() | st.integers(0, 250))
def test_arbitrary_bytes_are_read_or_refused_by_name(body: bytes, json_bytes: int | None) -> None:
    with suppress(OipError):
        read_request(body, json_bytes=json_bytes)


@given(near_requests, st.binary(max_size=12))
def test_what_is_almost_a_request_is_read_or_refused_by_name(document: dict[str, Any], tail: bytes) -> None:
    head = json.dumps(document).encode()
    limits = OipLimits(payload_bytes=500)
    with suppress(OipError):
        request = read_request(head + tail, json_bytes=len(head), limits=limits)
        assert len(request.payload) <= limits.payload_bytes


finite = st.floats(0, 1, width=32)


@given(
    label=st.none() | st.text(max_size=12),
    confidence=st.none() | finite,
    top=st.lists(st.tuples(st.text(max_size=12), finite), max_size=5),
    output=st.none() | finite | st.lists(finite, min_size=1, max_size=5),
    form=st.builds(
        ResponseForm,
        id=st.none() | st.text(max_size=9),
        wanted=st.none()
        | st.lists(
            st.builds(WantedOutput, st.sampled_from(["label", "confidence", "top_labels", "output"]), st.booleans()),
            min_size=1,
            unique_by=lambda one: one.name,
        ).map(tuple),
        binary=st.booleans(),
    ),
)
def test_outputs_are_the_same_in_json_and_in_binary(
    label: str | None, confidence: float | None, top: list[tuple[str, float]], output: Any, form: ResponseForm
) -> None:
    answer = Answer(
        id="1",
        task="meter",
        label=label,
        confidence=confidence,
        top=top,
        output=output,
        contestant="primary",
        bundle=None,
        reason="preferred",
        deadline_met=True,
        elapsed_ms=1.0,
        candidates=[],
        received_at="2026-01-01T00:00:00Z",
    )
    response = answer_response(answer, form)
    if label is None and output is None and not top:
        assert response.status == 504
        return
    expected = {
        "label": None if label is None else [label],
        "confidence": None if confidence is None else [confidence],
        "top_labels": [name for name, _ in top] or None,
        "top_confidences": [value for _, value in top] or None,
        "output": None if output is None else output if isinstance(output, list) else [output],
    }
    for name, values in read_response(response.body, response.headers).items():
        assert values == expected[name]


def read_response(body: bytes, headers: dict[str, str]) -> dict[str, list[Any]]:
    """As a client reads it."""
    length = int(headers.get(HEADER_LENGTH, len(body)))
    document, rest = json.loads(body[:length]), body[length:]
    found = {}
    for output in document["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is None:
            found[output["name"]] = output["data"]
        else:
            own, rest = rest[:size], rest[size:]
            found[output["name"]] = (
                texts(own) if output["datatype"] == "BYTES" else list(struct.unpack(f"<{size // 4}f", own))
            )
        assert output["shape"] == [len(found[output["name"]])]
    assert rest == b""
    return found


def texts(data: bytes) -> list[str]:
    found = []
    while data:
        length = int.from_bytes(data[:4], "little")
        found.append(data[4 : 4 + length].decode())
        data = data[4 + length :]
    return found
