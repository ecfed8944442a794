"""Who may ask what over HTTP, judged before a request's body is read. Pure."""

from collections.abc import Mapping
from typing import Final

from roost_edge.http import Head
from roost_edge.intake.http_errors import (
    CaptureRefusedError,
    ForceRefusedError,
    LengthRequiredError,
    MethodError,
    NotFoundError,
    NotTakingError,
    UnauthorizedError,
    UnexpectedBodyError,
)
from roost_edge.intake.oip_paths import Route, find_route
from roost_edge.intake.tokens import shows_token
from roost_edge.tasks.task import Task
from roost_shared.oip import (
    HEADER_LENGTH,
    VERSION,
    OipLimits,
    TooLargeRequestError,
    UnknownModelError,
    UnknownVersionError,
    check_encoding,
    header_length,
)

__all__ = ["HttpGate"]

UNGUARDED: Final = ("live", "ready")  # a probe has no token, and learns nothing else


class HttpGate:
    """Lets requests in.

    Args:
        tasks: those there are, by name.
        limits: of an inference request.
        token_sha256: hex digest of the callers' bearer token; None: they need none.
        operator_token_sha256: hex digest of the token that forcing needs; None: nobody may.
    """

    def __init__(
        self,
        tasks: Mapping[str, Task],
        limits: OipLimits,
        *,
        token_sha256: str | None,
        operator_token_sha256: str | None,
    ) -> None:
        self._tasks = tasks
        self._limits = limits
        self._token_sha256 = token_sha256
        self._operator_token_sha256 = operator_token_sha256

    def check_head(self, head: Head, *, taking: bool) -> None:
        """Refuse a request whose body need not even come.

        Args:
            head: of the request.
            taking: inputs are taken now.

        Raises:
            OipError: it will not be served; a leaf for each reason.
        """
        route = find_route(head.target)
        if (route is None or route.operation not in UNGUARDED) and not self._is_known(head):
            raise UnauthorizedError("a bearer token is needed")
        if route is None:
            raise NotFoundError(f"there is no {head.target[:200]!r} here; see /v2")
        allowed = ("POST",) if route.operation == "infer" else ("GET", "HEAD")
        if head.method not in allowed:
            raise MethodError(f"{head.method[:20]} is not for {head.target[:200]!r}", allowed)
        self._check_model(route)
        if route.operation == "infer":
            self._check_body(head, taking=taking)
        elif head.headers.get("content-length", "0") != "0":
            raise UnexpectedBodyError(f"{head.method} takes no body here")

    def check_force(self, task: str, force: str, token: str | None) -> None:
        """Refuse a caller that may not name who answers.

        Args:
            task: one of ours.
            force: the contestant it names.
            token: the operator's, as it shows it.

        Raises:
            ForceRefusedError: the token is not the operator's, or the contestant may not answer.
        """
        if not shows_token(token or "", self._operator_token_sha256):
            raise ForceRefusedError("forcing a contestant needs the operator's token, parameter operator_token")
        if not self._tasks[task].policy.may_be_forced(force):
            raise ForceRefusedError(f"{force[:80]!r} may not answer {task}")

    def check_capture(self, token: str | None) -> None:
        """Refuse a caller that may not have its input kept.

        Raises:
            CaptureRefusedError: the token is not the operator's.
        """
        if not shows_token(token or "", self._operator_token_sha256):
            raise CaptureRefusedError("having an input kept needs the operator's token, parameter operator_token")

    def _is_known(self, head: Head) -> bool:
        if self._token_sha256 is None:
            return True
        scheme, _, token = head.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and shows_token(token.strip(), self._token_sha256)

    def _check_model(self, route: Route) -> None:
        if route.task and route.task not in self._tasks:
            known = ", ".join(sorted(self._tasks)) or "none"
            raise UnknownModelError(f"no task {route.task[:80]!r} here; there are: {known}")
        if route.version not in (None, VERSION):
            raise UnknownVersionError(f"no version {str(route.version)[:80]!r}; a task has version {VERSION}")

    def _check_body(self, head: Head, *, taking: bool) -> None:
        if not taking:
            raise NotTakingError("the agent takes no inputs now; try again later")
        if "content-length" not in head.headers:
            raise LengthRequiredError("state the body's Content-Length")
        check_encoding(head.headers.get("content-encoding"))
        body_bytes = int(head.headers["content-length"])
        is_json = header_length(head.headers.get(HEADER_LENGTH)) is None
        limit = self._limits.json_bytes if is_json else self._limits.body_bytes
        if body_bytes > limit:
            hint = ": send the tensor as binary data" if is_json else ""
            raise TooLargeRequestError(f"the body has {body_bytes} bytes, the limit is {limit}{hint}")
