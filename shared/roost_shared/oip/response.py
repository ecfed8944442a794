"""An answer as an inference response: its outputs as tensors, all else about it as parameters."""

from typing import Any, Final

import msgspec

from roost_shared.messages import Answer
from roost_shared.oip.documents import OUTPUTS, VERSION, ErrorDocument
from roost_shared.oip.headers import HEADER_LENGTH
from roost_shared.oip.request import ResponseForm, WantedOutput
from roost_shared.oip.tensors import floats_to_binary, strings_to_binary

__all__ = ["OipResponse", "answer_response", "document_response"]

JSON: Final = "application/json"
_BINARY: Final = "application/octet-stream"


class OipResponse(msgspec.Struct, frozen=True):
    """What goes back, for any HTTP server to send.

    Attributes:
        status: of HTTP.
        headers: names in lower case, without the body's length.
        body: all of it.
    """

    status: int
    headers: dict[str, str]
    body: bytes


class _Tensor(msgspec.Struct, omit_defaults=True):
    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, int] | None = None
    data: list[Any] | None = None


class _Response(msgspec.Struct):
    model_name: str
    model_version: str
    id: str
    parameters: dict[str, Any]
    outputs: list[_Tensor]


def document_response(document: msgspec.Struct, status: int = 200) -> OipResponse:
    """A document, such as a model's metadata."""
    return OipResponse(status, {"content-type": JSON}, msgspec.json.encode(document))


def _refusal(status: int, code: str, message: str) -> OipResponse:
    """Why a request was not served, as `error` and `code`.

    Args:
        status: of HTTP.
        code: ours: stable, dotted.
        message: one line for a person.
    """
    return document_response(ErrorDocument(message, code), status)


def answer_response(answer: Answer, form: ResponseForm) -> OipResponse:
    """The response to an inference request.

    Every answer with something to say is a success, defaults included: `parameters` tell them apart. A task without a
    default has nothing to say when no contestant scored; then this is an error.

    Args:
        answer: what the rendezvous decided.
        form: as the caller wants it.
    """
    found = _outputs(answer)
    if not found:
        return _nothing_to_say(answer)
    wanted = form.wanted
    if wanted is None:
        wanted = tuple(WantedOutput(tensor.name, form.binary) for tensor in OUTPUTS)
    outputs, tail = [], []
    for want in wanted:
        if want.name not in found:
            continue
        datatype, values = found[want.name]
        if want.binary:
            data = strings_to_binary(values) if datatype == "BYTES" else floats_to_binary(values)
            tail.append(data)
            size = {"binary_data_size": len(data)}
            outputs.append(_Tensor(want.name, datatype, [len(values)], parameters=size))
        else:
            outputs.append(_Tensor(want.name, datatype, [len(values)], data=values))
    head = msgspec.json.encode(_Response(answer.task, VERSION, form.id or answer.id, _parameters(answer), outputs))
    if not tail:
        return OipResponse(200, {"content-type": JSON}, head)
    headers = {"content-type": _BINARY, HEADER_LENGTH: str(len(head))}
    return OipResponse(200, headers, b"".join((head, *tail)))


def _outputs(answer: Answer) -> dict[str, tuple[str, list[Any]]]:
    """Datatype and values of each output that the answer has."""
    found: dict[str, tuple[str, list[Any]]] = {}
    if answer.label is not None:
        found["label"] = "BYTES", [answer.label]
    if answer.output is not None:
        found["output"] = "FP32", answer.output if isinstance(answer.output, list) else [answer.output]
    if found and answer.confidence is not None:
        found["confidence"] = "FP32", [answer.confidence]
    if answer.top:
        found["top_labels"] = "BYTES", [label for label, _ in answer.top]
        found["top_confidences"] = "FP32", [confidence for _, confidence in answer.top]
    return found


def _parameters(answer: Answer) -> dict[str, Any]:
    """What the protocol allows as values: strings, numbers and booleans."""
    parameters = {
        "contestant": answer.contestant,
        "bundle": answer.bundle,
        "reason": answer.reason,
        "deadline_met": answer.deadline_met,
        "elapsed_ms": answer.elapsed_ms,
        "received_at": answer.received_at,
        "candidates": msgspec.json.encode(answer.candidates).decode(),
        "error": None if answer.error is None else answer.error.message,
        "error_code": None if answer.error is None else answer.error.code,
        "inject": None if answer.inject is None else msgspec.json.encode(answer.inject).decode(),
        "redelivered": answer.redelivered or None,
        "unsigned": answer.unsigned or None,
    }
    return {name: value for name, value in parameters.items() if value is not None}


def _nothing_to_say(answer: Answer) -> OipResponse:
    if answer.error is None:
        return _refusal(504, "answer.none", "no contestant scored, and the task has no default")
    if answer.error.code.startswith("input."):
        status = 400
    elif answer.reason == "overloaded":
        status = 503
    else:
        status = 504
    return _refusal(status, answer.error.code, answer.error.message)
