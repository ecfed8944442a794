r"""What the cloud's API and the network say of a request that failed, in one line that may be shown and logged.

The API says no by `{"error": {"code": …, "message": …}}`, an object store by XML. Whoever answers may be anybody, so
nothing of it is repeated at any length, or with characters that a terminal would obey.

>>> read_refusal(b'{"error": {"code": "not_found", "message": "there is no device \\u001b[31m"}}')
Refusal(code='not_found', message='there is no device  [31m')
>>> read_refusal(b"<Error><Code>ExpiredToken</Code></Error>")
Refusal(code='ExpiredToken', message="the object store's word")
>>> read_refusal(b"<html>") is None
True
"""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

import msgspec

from roost_shared.errors import TransportError
from roost_shared.messages import UNREADABLE

__all__ = ["Refusal", "RefusalError", "one_line", "read_refusal", "retry_after_s"]

_SHOWN: Final = 500  # characters that are repeated
_TOLD_BY: Final = re.compile(r"^(<.*>|HTTPS?Connection(Pool)?\(.*?\)): ")  # urllib3 begins its errors so
_S3_CODE: Final = re.compile(rb"<Error>.{0,200}?<Code>([A-Za-z]{1,60})</Code>", re.DOTALL)


class Refusal(NamedTuple):
    """Why the API says no."""

    code: str  # stable, as `RoostError.code`; or S3's own
    message: str


class RefusalError(TransportError):
    """An answer that is a no.

    Args:
        status: HTTP's.
        reason: the cloud's own code for it (`not_found`), empty if it gave none.
        text: its words.
        retry_after_s: in how many seconds it asks us to come back; None if it does not.
    """

    code = "cloud.refused"

    def __init__(self, status: int, reason: str, text: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"the cloud says {status}{f' {reason}' if reason else ''}: {text}")
        self.status = status
        self.reason = reason
        self.text = text
        self.retry_after_s = retry_after_s


class _Fault(msgspec.Struct, frozen=True):
    code: str
    message: str


class _Document(msgspec.Struct, frozen=True):
    error: _Fault


def read_refusal(data: bytes) -> Refusal | None:
    """Read the body of an answer that is an error; None if it is neither the API's nor an object store's."""
    if (found := _S3_CODE.search(data)) is not None:
        return Refusal(found[1].decode(), "the object store's word")
    try:
        fault = msgspec.json.decode(data, type=_Document).error
    except UNREADABLE:
        return None
    return Refusal(_printable(fault.code), _printable(fault.message))


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """What Retry-After says, in seconds, or as a moment by the clock of whoever says it.

    >>> retry_after_s({"Retry-After": "2"})
    2.0
    """
    said = headers.get("Retry-After", "")
    if said.isascii() and said.isdecimal():
        return float(said)
    try:
        return max((parsedate_to_datetime(said) - parsedate_to_datetime(headers.get("Date", ""))).total_seconds(), 0)
    except (TypeError, ValueError):  # neither, or nothing to measure it by
        return None


def one_line(error: BaseException) -> str:
    """What an error of urllib3's says, without the representation of the object that it begins with."""
    return _printable(_TOLD_BY.sub("", str(getattr(error, "reason", None) or error)))


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text[:_SHOWN])
