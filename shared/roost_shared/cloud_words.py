r"""What the cloud's API and the network say of a request that failed, in one line that may be shown and logged.

The API says no by `{"error": {"code": …, "message": …}}`. Whoever answers may be anybody, so nothing of it is repeated
at any length, or with characters that a terminal would obey.

>>> read_refusal(b'{"error": {"code": "not_found", "message": "there is no device \\u001b[31m"}}')
Refusal(code='not_found', message='there is no device  [31m')
>>> read_refusal(b"<html>") is None
True
"""

import re
from typing import Final, NamedTuple

import msgspec

from roost_shared.messages import UNREADABLE

__all__ = ["Refusal", "one_line", "read_refusal"]

_SHOWN: Final = 500  # characters that are repeated
_TOLD_BY: Final = re.compile(r"^(<.*>|HTTPS?Connection(Pool)?\(.*?\)): ")  # urllib3 begins its errors so


class Refusal(NamedTuple):
    """Why the API says no."""

    code: str  # stable, as `RoostError.code`
    message: str


class _Fault(msgspec.Struct, frozen=True):
    code: str
    message: str


class _Document(msgspec.Struct, frozen=True):
    error: _Fault


def read_refusal(data: bytes) -> Refusal | None:
    """Read the body of an answer that is an error; None if it is not the API's."""
    try:
        fault = msgspec.json.decode(data, type=_Document).error
    except UNREADABLE:
        return None
    return Refusal(_printable(fault.code), _printable(fault.message))


def one_line(error: BaseException) -> str:
    """What an error of urllib3's says, without the representation of the object that it begins with."""
    return _printable(_TOLD_BY.sub("", str(getattr(error, "reason", None) or error)))


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text[:_SHOWN])
