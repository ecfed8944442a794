r"""The Open Inference Protocol v2 over HTTP, as pure functions: bodies in, bodies out. A task is its model.

Specification: https://github.com/kserve/open-inference-protocol (`specification/protocol/inference_rest.md`), with
the binary tensor data extension. What HTTP itself is spoken with is not decided here: device and cloud differ in it.

`request` in, `response` out: `documents`, and tensors (`tensors`, `datatypes`) in JSON, binary or as `npy`; by
`headers`, within `limits`.

>>> request = read_request(b'{"inputs": [{"name": "input", "datatype": "UINT8", "shape": [2], "data": [7, 8]}]}')
>>> request.payload[-2:]
b'\x07\x08'
"""

from roost_shared.oip.documents import (
    NOT_READY,
    VERSION,
    ErrorDocument,
    Live,
    ModelMetadata,
    ModelReady,
    Ready,
    ServerMetadata,
    model_metadata,
)
from roost_shared.oip.errors import OipError, TooLargeRequestError, UnknownModelError, UnknownVersionError
from roost_shared.oip.headers import HEADER_LENGTH, check_encoding, header_length
from roost_shared.oip.limits import OipLimits
from roost_shared.oip.request import InferRequest, ResponseForm, WantedOutput, read_request
from roost_shared.oip.response import OipResponse, answer_response, document_response

__all__ = [
    "HEADER_LENGTH",
    "NOT_READY",
    "VERSION",
    "ErrorDocument",
    "InferRequest",
    "Live",
    "ModelMetadata",
    "ModelReady",
    "OipError",
    "OipLimits",
    "OipResponse",
    "Ready",
    "ResponseForm",
    "ServerMetadata",
    "TooLargeRequestError",
    "UnknownModelError",
    "UnknownVersionError",
    "WantedOutput",
    "answer_response",
    "check_encoding",
    "document_response",
    "header_length",
    "model_metadata",
    "read_request",
]
