"""What the headers of an inference request say of its body."""

from typing import Final

from roost_shared.oip.errors import BadHeaderLengthError, EncodedBodyError

__all__ = ["HEADER_LENGTH", "check_encoding", "header_length"]

HEADER_LENGTH: Final = "inference-header-content-length"
_LENGTH_DIGITS: Final = 15  # what any body's length fits in


def header_length(value: str | None) -> int | None:
    """The length of the JSON, as the `Inference-Header-Content-Length` header states it.

    Raises:
        BadHeaderLengthError: it is no length.
    """
    if value is None:
        return None
    if not (value.isascii() and value.isdigit()) or len(value) > _LENGTH_DIGITS:
        raise BadHeaderLengthError(f"Inference-Header-Content-Length is {value[:40]!r}, not a number of bytes")
    return int(value)


def check_encoding(value: str | None) -> None:
    """Refuse a body that is compressed, as the `Content-Encoding` header states it.

    Raises:
        EncodedBodyError: it is.
    """
    if value is not None and value.lower() != "identity":
        raise EncodedBodyError(f"the body is encoded as {value[:40]!r}: send it as it is, without Content-Encoding")
