"""Why a request over HTTP is not served, beyond what the Open Inference Protocol itself knows of."""

from collections.abc import Mapping
from typing import ClassVar

from roost_shared.oip import OipError

__all__ = [
    "CaptureRefusedError",
    "ForceRefusedError",
    "HttpRefusalError",
    "LengthRequiredError",
    "MethodError",
    "NotFoundError",
    "NotTakingError",
    "UnauthorizedError",
    "UnexpectedBodyError",
]


class HttpRefusalError(OipError):
    """A refusal; `headers` go with it."""

    code = "http"
    headers: Mapping[str, str] = {}


class UnauthorizedError(HttpRefusalError):
    """The caller shows no bearer token, or a wrong one."""

    code = "http.unauthorized"
    status: ClassVar[int] = 401
    headers = {"www-authenticate": "Bearer"}  # noqa: RUF012 - a mapping that nobody changes


class NotFoundError(HttpRefusalError):
    """There is nothing at this path."""

    code = "http.not_found"
    status: ClassVar[int] = 404


class MethodError(HttpRefusalError):
    """The path is not for this method.

    Args:
        message: one line for a person.
        allowed: methods that it is for.
    """

    code = "http.method"
    status: ClassVar[int] = 405

    def __init__(self, message: str, allowed: tuple[str, ...]) -> None:
        super().__init__(message)
        self.headers = {"allow": ", ".join(allowed)}


class LengthRequiredError(HttpRefusalError):
    """A body whose length is not stated."""

    code = "http.length_required"
    status: ClassVar[int] = 411


class UnexpectedBodyError(HttpRefusalError):
    """A body where none belongs."""

    code = "http.unexpected_body"


class NotTakingError(HttpRefusalError):
    """The agent has not begun to take inputs, or does so no more."""

    code = "agent.not_taking"
    status: ClassVar[int] = 503
    headers = {"retry-after": "1"}  # noqa: RUF012 - a mapping that nobody changes


class CaptureRefusedError(HttpRefusalError):
    """The caller may not have its input kept."""

    code = "capture.refused"
    status: ClassVar[int] = 403


class ForceRefusedError(HttpRefusalError):
    """The caller may not choose who answers, or not that contestant."""

    code = "force.refused"
    status: ClassVar[int] = 403
