"""An inference request: JSON, binary data behind it where the binary tensor extension is used, and what it asks for.

A request holds one input. It is an encoded image or array as one element of BYTES, passed on as it is; or a numeric
tensor, passed on as an `.npy` file. So contestants see the same payloads, whichever way they came.

Understood among the `parameters`: of the request `deadline_ms`, `policy` (`default`, or `force:NAME`),
`operator_token`, `capture` and `binary_data_output`; of the input `content_type`, `content_encoding` (`base64`, for
BYTES in JSON) and `binary_data_size`; of an output `binary_data`. Others are ignored, as the protocol has it, but for
those that would put the input or an output somewhere else.
"""

import binascii
import math
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from roost_shared.messages import UNREADABLE
from roost_shared.oip.datatypes import DATATYPES, Datatype
from roost_shared.oip.documents import OUTPUTS
from roost_shared.oip.errors import (
    BadHeaderLengthError,
    BadJsonRequestError,
    BadParameterError,
    BadTensorError,
    TooLargeRequestError,
    UnknownOutputError,
    UnsupportedTensorError,
)
from roost_shared.oip.limits import MAX_DIMENSIONS, MAX_ID_CHARS, MAX_OUTPUTS, OipLimits
from roost_shared.oip.npy import write_npy
from roost_shared.oip.tensors import bytes_element, json_numbers

__all__ = ["InferRequest", "ResponseForm", "WantedOutput", "read_request"]

_MAX_DEADLINE_MS: Final = 1e9
_ELSEWHERE: Final = ("shared_memory_region", "shared_memory_byte_size", "shared_memory_offset")
_FORCE: Final = "force:"

_NO_DATA: Final = msgspec.Raw()

Parameters = dict[str, Any]


class WantedOutput(msgspec.Struct, frozen=True):
    """An output that the caller wants, and how."""

    name: str
    binary: bool


class ResponseForm(msgspec.Struct, frozen=True, kw_only=True):
    """How a caller wants its response; apart from its request, whose input is not kept that long.

    Attributes:
        id: the caller's own.
        wanted: outputs, in their order; None: all there are.
        binary: how outputs come that are not named.
    """

    id: str | None = None
    wanted: tuple[WantedOutput, ...] | None = None
    binary: bool = False


class InferRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller asks.

    Attributes:
        payload: the input, as any intake takes it; a view into the body, where it lies there as it is.
        content_type: of the payload, as the caller states it.
        deadline_ms: until the answer is due.
        force: the only contestant that may answer.
        operator_token: shows that the caller may force, and have its input kept.
        capture: the input shall be kept.
        form: of the response.
    """

    payload: bytes | memoryview
    content_type: str | None = None
    deadline_ms: float | None = None
    force: str | None = None
    operator_token: str | None = None
    capture: bool = False
    form: ResponseForm = ResponseForm()


class _Input(msgspec.Struct):
    name: str
    shape: Annotated[list[Annotated[int, Meta(gt=0, lt=1 << 40)]], Meta(min_length=1, max_length=MAX_DIMENSIONS)]
    datatype: str
    parameters: Parameters = {}
    data: msgspec.Raw = _NO_DATA


class _Output(msgspec.Struct):
    name: str
    parameters: Parameters = {}


class _Request(msgspec.Struct):
    inputs: list[_Input]
    id: Annotated[str, Meta(max_length=MAX_ID_CHARS)] | None = None
    parameters: Parameters = {}
    outputs: Annotated[list[_Output], Meta(max_length=MAX_OUTPUTS)] | None = None


_decoder: Final = msgspec.json.Decoder(_Request)
_strings: Final = msgspec.json.Decoder(list[str])


def read_request(
    body: bytes | bytearray | memoryview, *, json_bytes: int | None = None, limits: OipLimits | None = None
) -> InferRequest:
    """Read the body of an inference request.

    Args:
        body: all of it.
        json_bytes: how much of it is JSON, see `headers`; None: all of it.
        limits: how much it may hold.

    Raises:
        OipError: it is too large, no inference request, or one that contradicts itself; a leaf for each.
    """
    limits = limits or OipLimits()
    view = memoryview(body)
    length = view.nbytes if json_bytes is None else json_bytes
    if length > view.nbytes:
        raise BadHeaderLengthError(f"Inference-Header-Content-Length is {length}, the body has {view.nbytes} bytes")
    if length > limits.json_bytes:
        raise TooLargeRequestError(
            f"{length} bytes of JSON, the limit is {limits.json_bytes}: send the tensor as binary data"
        )
    document = _decode(view[:length])
    tensor = _only_input(document)
    payload = _payload(tensor, view[length:], limits)
    if len(payload) > limits.payload_bytes:
        raise TooLargeRequestError(f"the input has {len(payload)} bytes, the limit is {limits.payload_bytes}")
    binary = _parameter(document.parameters, "binary_data_output", bool) or False
    return InferRequest(
        payload=payload,
        content_type=_parameter(tensor.parameters, "content_type", str),
        deadline_ms=_deadline_ms(document.parameters),
        force=_force(document.parameters),
        operator_token=_parameter(document.parameters, "operator_token", str),
        capture=_parameter(document.parameters, "capture", bool) or False,
        form=ResponseForm(id=document.id or None, wanted=_wanted(document.outputs, binary=binary), binary=binary),
    )


def _decode(data: memoryview) -> _Request:
    try:
        return _decoder.decode(data)
    except UNREADABLE as error:
        raise BadJsonRequestError(f"this is no inference request: {error}") from error


# ---- the input


def _only_input(document: _Request) -> _Input:
    if len(document.inputs) != 1:
        raise BadTensorError(f"{len(document.inputs)} inputs; a task takes one")
    tensor = document.inputs[0]
    _refuse_elsewhere(tensor.name, tensor.parameters)
    return tensor


def _payload(tensor: _Input, rest: memoryview, limits: OipLimits) -> bytes | memoryview:
    binary = _binary_data(tensor, rest)
    if tensor.datatype == "BYTES":
        if math.prod(tensor.shape) != 1:
            raise BadTensorError(f"shape {tensor.shape} of BYTES; a task takes one element, an image or array")
        return _json_element(tensor) if binary is None else bytes_element(binary)
    datatype = DATATYPES.get(tensor.datatype)
    if datatype is None:
        known = ", ".join(("BYTES", *DATATYPES))
        raise UnsupportedTensorError(f"datatype {tensor.datatype[:40]!r}; there are {known}")
    if binary is None:
        numbers: bytes | memoryview = json_numbers(
            _json_data(tensor), datatype, tensor.shape, most=limits.json_numbers
        )
    else:
        numbers = _checked_size(binary, datatype, tensor.shape)
    return write_npy(datatype.descr, tensor.shape, numbers)


def _binary_data(tensor: _Input, rest: memoryview) -> memoryview | None:
    """What lies behind the JSON, if the input is there."""
    size = tensor.parameters.get("binary_data_size")
    if size is None:
        if rest.nbytes:
            raise BadTensorError(f"{rest.nbytes} bytes behind the JSON, and no binary_data_size that says whose")
        return None
    if type(size) is not int or size != rest.nbytes:
        raise BadTensorError(f"binary_data_size is {str(size)[:40]}, and {rest.nbytes} bytes lie behind the JSON")
    if tensor.data is not _NO_DATA:
        raise BadTensorError("the input has both data and binary_data_size")
    return rest


def _checked_size(data: memoryview, datatype: Datatype, shape: list[int]) -> memoryview:
    wanted = math.prod(shape) * datatype.item_bytes
    if wanted != data.nbytes:
        raise BadTensorError(f"{data.nbytes} bytes of binary data; shape {shape} and datatype take {wanted}")
    return data


def _json_data(tensor: _Input) -> msgspec.Raw:
    if tensor.data is _NO_DATA:
        raise BadTensorError("the input has neither data nor binary_data_size")
    return tensor.data


def _json_element(tensor: _Input) -> bytes:
    try:
        elements = _strings.decode(_json_data(tensor))
    except UNREADABLE as error:
        raise BadTensorError(f"the data of BYTES is no list of strings: {error}") from error
    if len(elements) != 1:
        raise BadTensorError(f"{len(elements)} elements, but the shape says 1")
    encoding = _parameter(tensor.parameters, "content_encoding", str)
    if encoding is None:
        return elements[0].encode()
    if encoding != "base64":
        raise BadParameterError(f"content_encoding is {encoding[:40]!r}; there is base64")
    try:
        return binascii.a2b_base64(elements[0], strict_mode=True)
    except ValueError as error:
        raise BadTensorError(f"the data is no base64: {error}") from error


# ---- parameters


def _refuse_elsewhere(name: str, parameters: Parameters) -> None:
    if any(key in parameters for key in _ELSEWHERE):
        raise UnsupportedTensorError(f"{name[:40]!r} lies in shared memory, which is not shared here")


def _parameter(parameters: Parameters, name: str, kind: type[Any]) -> Any:
    value = parameters.get(name)
    if value is not None and type(value) is not kind:
        raise BadParameterError(f"{name} is {str(value)[:40]!r}, which is no {kind.__name__}")
    return value


def _deadline_ms(parameters: Parameters) -> float | None:
    value = parameters.get("deadline_ms")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise BadParameterError(f"deadline_ms is {str(value)[:40]!r}; give milliseconds above 0")
    return float(min(value, _MAX_DEADLINE_MS))


def _force(parameters: Parameters) -> str | None:
    policy = _parameter(parameters, "policy", str)
    if policy is None or policy == "default":
        return None
    name: str = policy.removeprefix(_FORCE)
    if not policy.startswith(_FORCE) or not name:
        raise BadParameterError(f"policy is {policy[:40]!r}; there are default and {_FORCE}NAME")
    return name


def _wanted(outputs: list[_Output] | None, *, binary: bool) -> tuple[WantedOutput, ...] | None:
    if not outputs:
        return None
    known = [tensor.name for tensor in OUTPUTS]
    for output in outputs:
        if output.name not in known:
            raise UnknownOutputError(f"no output {output.name[:40]!r}; there are {', '.join(known)}")
        _refuse_elsewhere(output.name, output.parameters)
        if output.parameters.get("classification"):
            raise UnsupportedTensorError("classification of an output: top_labels and top_confidences are that")
    if len({output.name for output in outputs}) < len(outputs):
        raise UnknownOutputError("an output is wanted twice")
    return tuple(
        WantedOutput(
            output.name, binary if (own := _parameter(output.parameters, "binary_data", bool)) is None else own
        )
        for output in outputs
    )
