"""Errors as HTTP tells them: a status by class, and a body with the stable code.

{"error": {"code": "not_found", "message": "there is no device 'cam-01'"}}

Under /v2 the body is as the Open Inference Protocol has it:

{"error": "there is no task 'meter'", "code": "not_found"}

Where we are at fault (5xx), the body says no more than the code: whoever asked need not know where our database is.
The log has the words.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from roost_cloud.errors import ConflictError, ForbiddenError, NoRoomError, NotFoundError, UnauthenticatedError
from roost_shared.errors import ContentError, DeviceError, RoostError, TransportError
from roost_shared.oip import OipError

__all__ = ["RETRY_AFTER_S", "ErrorBody", "error_response", "handle_errors", "raises", "status_of"]

log = structlog.get_logger(__name__)

RETRY_AFTER_S: Final = 2  # seconds
_UNABLE: Final = "the cloud cannot do that now; its log says why"
_OIP: Final = "/v2"  # what its paths begin with
# What any route may answer.
_EVERYWHERE: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.INSUFFICIENT_STORAGE,
)
# The first class that fits.
_STATUS: Final[tuple[tuple[type[RoostError], HTTPStatus], ...]] = (
    (UnauthenticatedError, HTTPStatus.UNAUTHORIZED),
    (ForbiddenError, HTTPStatus.FORBIDDEN),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (ConflictError, HTTPStatus.CONFLICT),
    (ContentError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (TransportError, HTTPStatus.SERVICE_UNAVAILABLE),
    (NoRoomError, HTTPStatus.INSUFFICIENT_STORAGE),
    (DeviceError, HTTPStatus.INTERNAL_SERVER_ERROR),
)


class ErrorDetail(BaseModel):
    """What went wrong."""

    code: str  # stable, dotted
    message: str  # one line for a person


class ErrorBody(BaseModel):
    """The body of every response that is an error."""

    error: ErrorDetail


def raises(*statuses: HTTPStatus | int) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: the errors it documents, beside those every route may have."""
    documented = sorted({*map(int, statuses), *map(int, _EVERYWHERE)})
    return {status: {**_body_of(status), "description": HTTPStatus(status).phrase} for status in documented}


def _body_of(status: int) -> dict[str, Any]:
    """The same schema for all: one status of each route brings it in, for FastAPI compiles it for each that does."""
    if status == _EVERYWHERE[0]:
        return {"model": ErrorBody}
    return {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}}}


def status_of(error: RoostError) -> HTTPStatus:
    """The status an error becomes."""
    if isinstance(error, OipError):
        return HTTPStatus(error.status)
    return next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)


def error_response(
    status: HTTPStatus | int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """An error's response."""
    body = ErrorBody(error=ErrorDetail(code=code, message=message))
    return JSONResponse(body.model_dump(), status_code=int(status), headers=dict(headers or {}))


def handle_errors(app: FastAPI) -> None:
    """Make `app` tell every error this way."""
    app.add_exception_handler(RoostError, _raised)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _broken)


def _raised(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RoostError)  # noqa: S101 - registered for it
    status = status_of(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request.failed", code=error.code, message=str(error), path=request.url.path)
        waits = {"Retry-After": str(RETRY_AFTER_S)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        return _told(request, status, error.code, _UNABLE, waits)
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    return _told(request, status, error.code, str(error), headers)


def _malformed(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    found = error.errors()
    places = "; ".join(f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in found[:5])
    if any(one["type"] == "json_invalid" for one in found):
        return _told(request, HTTPStatus.BAD_REQUEST, "request.no_json", places)
    return _told(request, HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", places)


def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    code = HTTPStatus(error.status_code).name.lower()
    return _told(request, error.status_code, f"http.{code}", str(error.detail), error.headers)


def _broken(request: Request, __: Exception) -> JSONResponse:
    # Starlette raises it anew when this is sent, and the server logs it then.
    return _told(request, HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "a fault of ours; the log says more")


def _told(
    request: Request, status: HTTPStatus | int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """An error's response, in the form that whoever asks at this path expects."""
    if request.url.path.startswith(_OIP):
        return JSONResponse({"error": message, "code": code}, status_code=int(status), headers=dict(headers or {}))
    return error_response(status, code, message, headers)
