"""What can be wrong with an Open Inference Protocol request, each with the HTTP status that says so."""

from typing import ClassVar

from roost_shared.errors import ContentError

__all__ = [
    "BadHeaderLengthError",
    "BadJsonRequestError",
    "BadParameterError",
    "BadTensorError",
    "EncodedBodyError",
    "OipError",
    "TooLargeRequestError",
    "UnknownModelError",
    "UnknownOutputError",
    "UnknownVersionError",
    "UnsupportedTensorError",
]


class OipError(ContentError):
    """A request that cannot be understood or served; `status` is HTTP's."""

    code = "oip"
    status: ClassVar[int] = 400


class BadJsonRequestError(OipError):
    """The JSON is none, or not an inference request."""

    code = "oip.bad_json"


class BadHeaderLengthError(OipError):
    """`Inference-Header-Content-Length` is no length of the JSON within the body."""

    code = "oip.bad_header_length"


class BadParameterError(OipError):
    """A parameter has a value that it cannot have."""

    code = "oip.bad_parameter"


class BadTensorError(OipError):
    """A tensor's data, shape and datatype contradict each other."""

    code = "oip.bad_tensor"


class UnsupportedTensorError(OipError):
    """The protocol or an extension of it knows this; Roost does not."""

    code = "oip.unsupported"


class UnknownOutputError(OipError):
    """An output is wanted that no answer has."""

    code = "oip.unknown_output"


class EncodedBodyError(OipError):
    """The body is compressed."""

    code = "http.encoding"
    status = 415


class TooLargeRequestError(OipError):
    """More bytes, or more numbers in JSON, than the limits allow."""

    code = "oip.too_large"
    status = 413


class UnknownModelError(OipError):
    """There is no task of this name."""

    code = "oip.unknown_model"
    status = 404


class UnknownVersionError(OipError):
    """Tasks have no such version."""

    code = "oip.unknown_version"
    status = 404
