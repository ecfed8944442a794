"""`/v2`: the Open Inference Protocol, in which a task of the caller's tenant is a model.

Asking needs the role operator: it spends the scorers' time, and a viewer's token may hang on a wall. The deadline
counts from the moment the whole request was read. Whatever the rendezvous answers is a success, by a default too.

A request with an `id` may be repeated: the same id and input by the same token for the same task is the same request,
and gets the same answer. With another input it is another request, as on a device: many clients count from 1.
"""

import asyncio
import hashlib
from http import HTTPStatus
from typing import Annotated, ClassVar, Final, NamedTuple

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from roost_cloud.api.auth import Given, Member, Operator, Viewer
from roost_cloud.api.fields import Name
from roost_cloud.api.oip_schema import INFER_BODY, INFERRED, oip_raises, shows
from roost_cloud.asking import AskingDesk, Catalogue, Inquiry
from roost_cloud.errors import ForbiddenError
from roost_shared import __version__
from roost_shared.answers import scored_answer
from roost_shared.clock import ms_to_ns, timestamp
from roost_shared.errors import RoostError
from roost_shared.messages import Answer
from roost_shared.oip import (
    HEADER_LENGTH,
    NOT_READY,
    VERSION,
    InferRequest,
    Live,
    ModelMetadata,
    ModelReady,
    OipError,
    OipLimits,
    OipResponse,
    Ready,
    ServerMetadata,
    TooLargeRequestError,
    UnknownVersionError,
    answer_response,
    check_encoding,
    document_response,
    header_length,
    model_metadata,
    read_request,
)
from roost_shared.rendezvous import Answer as Decision
from roost_shared.rendezvous import TaskPolicy

__all__ = ["Counter", "router"]

router = APIRouter(prefix="/v2", tags=["open inference protocol"], default_response_class=Response)

NAME: Final = "roost-cloud"
_SMALL_BYTES: Final = 64 << 10  # to read more, on the loop that hands answers out, would hold these up
_REFUSALS: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)

_READY: Final = {**oip_raises(*_REFUSALS), **shows(ModelReady, NOT_READY)}
_INFERENCE: Final = {
    **INFERRED,
    **oip_raises(
        *_REFUSALS,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.GATEWAY_TIMEOUT,
    ),
}

_Model = Annotated[Name, Path(description="A task")]
_Version = Annotated[str, Path(description=f"Of the task's interface: {VERSION}")]
_HeaderLength = Annotated[
    str | None, Header(alias=HEADER_LENGTH, description="Bytes of JSON, where binary data follows")
]


class NoBrokerError(OipError):
    """Nobody could be asked: this process has no broker."""

    code = "asking.no_broker"
    status: ClassVar[int] = 503


class CutShortError(OipError):
    """The caller left before the end of its request."""

    code = "request.cut_short"


class Counter(NamedTuple):
    """Where a process takes what is asked of it; each application has one, at `state.counter`."""

    catalogue: Catalogue
    desk: AskingDesk | None  # None where there is no broker


class _Terms(NamedTuple):
    """What a task says of its answers."""

    policy: TaskPolicy
    labels: frozenset[str] | None  # None where they are not known


class _Asked:
    """What an answer repeats of its request."""

    redelivered = False

    def __init__(self, request_id: str, task: str, received_at: str) -> None:
        self.id = request_id
        self.task = task
        self.received_at = received_at


async def _counter(request: Request) -> Counter:
    counter = request.app.state.counter
    assert isinstance(counter, Counter)  # noqa: S101 - create_app put it there
    return counter


_Here = Annotated[Counter, Depends(_counter)]


def _find_terms(member: Operator, counter: _Here, model: _Model) -> _Terms:
    policy = counter.catalogue.policy(member.tenant, model)
    return _Terms(policy, None if counter.desk is None else counter.desk.spaces.labels(member.tenant, model))


_TermsOfTask = Annotated[_Terms, Depends(_find_terms)]


@router.get("", responses=shows(ServerMetadata))
def server_metadata() -> Response:
    """Who answers."""
    return _sent(document_response(ServerMetadata(NAME, __version__)))


@router.get("/health/live", responses=shows(Live))
def server_live() -> Response:
    """The process serves requests."""
    return _sent(document_response(Live(live=True)))


@router.get("/health/ready", responses=shows(Ready, NOT_READY))
def server_ready(services: Given, counter: _Here) -> Response:
    """Whether anything can be asked: the database answers, and there is a connection to the broker."""
    try:
        services.database.ping()
    except RoostError:
        return _ready(ready=False)
    return _ready(ready=_can_ask(counter.desk))


@router.get("/models/{model}", responses={**shows(ModelMetadata), **oip_raises(*_REFUSALS)})
def task_metadata(member: Viewer, counter: _Here, model: _Model) -> Response:
    """What a task takes and gives."""
    counter.catalogue.policy(member.tenant, model)
    return _sent(document_response(model_metadata(model)))


@router.get("/models/{model}/versions/{version}", responses={**shows(ModelMetadata), **oip_raises(*_REFUSALS)})
def task_version_metadata(member: Viewer, counter: _Here, model: _Model, version: _Version) -> Response:
    """The same."""
    _check_version(version)
    return task_metadata(member, counter, model)


@router.get("/models/{model}/ready", responses=_READY)
def task_ready(member: Viewer, counter: _Here, model: _Model) -> Response:
    """Whether a task can be asked."""
    counter.catalogue.policy(member.tenant, model)
    ready = _can_ask(counter.desk)
    return _sent(document_response(ModelReady(model, ready), HTTPStatus.OK if ready else NOT_READY))


@router.get("/models/{model}/versions/{version}/ready", responses=_READY)
def task_version_ready(member: Viewer, counter: _Here, model: _Model, version: _Version) -> Response:
    """The same."""
    _check_version(version)
    return task_ready(member, counter, model)


@router.post("/models/{model}/infer", responses=_INFERENCE, openapi_extra=INFER_BODY)
async def infer(
    request: Request,
    services: Given,
    member: Operator,
    terms: _TermsOfTask,
    counter: _Here,
    model: _Model,
    json_bytes: _HeaderLength = None,
) -> Response:
    """Ask a task's contestants, and get one answer by the deadline."""
    desk = counter.desk
    if desk is None:
        raise NoBrokerError("this process has no broker, and so nobody to ask")
    limits = OipLimits(payload_bytes=services.settings.infer_payload_bytes)
    body = await _body(request, limits.body_bytes)
    received_ns, received_at = services.clock.now_ns(), timestamp(services.now())
    head_bytes = header_length(json_bytes)

    def read() -> tuple[InferRequest, Inquiry]:
        asked = read_request(body, json_bytes=head_bytes, limits=limits)
        return asked, _inquiry(member, model, terms, asked, received_ns)

    asked, inquiry = read() if len(body) <= _SMALL_BYTES else await run_in_threadpool(read)
    decision = await asyncio.wrap_future(desk.ask(inquiry))
    repeated = _Asked(asked.form.id or decision.request.id, model, received_at)
    return _sent(
        answer_response(_answer(decision, inquiry, repeated, services.clock.now_ns() - received_ns), asked.form)
    )


@router.post("/models/{model}/versions/{version}/infer", responses=_INFERENCE, openapi_extra=INFER_BODY)
async def infer_version(
    request: Request,
    services: Given,
    member: Operator,
    terms: _TermsOfTask,
    counter: _Here,
    model: _Model,
    version: _Version,
    json_bytes: _HeaderLength = None,
) -> Response:
    """The same."""
    _check_version(version)
    return await infer(request, services, member, terms, counter, model, json_bytes)


async def _body(request: Request, limit_bytes: int) -> bytearray:
    check_encoding(request.headers.get("content-encoding"))
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit_bytes:
                raise TooLargeRequestError(f"the body has more than {limit_bytes} bytes")
    except ClientDisconnect as error:
        raise CutShortError(f"the caller left after {len(body)} bytes") from error
    return body


def _inquiry(member: Member, task: str, terms: _Terms, asked: InferRequest, received_ns: int) -> Inquiry:
    if asked.force is not None and not terms.policy.may_be_forced(asked.force):
        raise ForbiddenError(f"{asked.force!r} may not answer {task!r}")
    return Inquiry(
        tenant=member.tenant,
        task=task,
        policy=terms.policy,
        payload=bytes(asked.payload),
        received_ns=received_ns,
        repeat_key=_repeat_key(member, task, asked),
        content_type=asked.content_type,
        deadline_ns=None if asked.deadline_ms is None else ms_to_ns(asked.deadline_ms),
        force=asked.force,
        labels=terms.labels,
    )


def _repeat_key(member: Member, task: str, asked: InferRequest) -> str | None:
    if asked.form.id is None:
        return None
    scope = f"{member.tenant}\0{task}\0{member.name}\0{asked.form.id}\0".encode()
    return hashlib.blake2b(scope + hashlib.blake2b(asked.payload).digest(), digest_size=16).hexdigest()


def _answer(decision: Decision, inquiry: Inquiry, asked: _Asked, elapsed_ns: int) -> Answer:
    return scored_answer(
        decision,
        asked,
        default=inquiry.policy.default,
        bundles={},
        unsigned=False,
        inject=None,
        elapsed_ns=elapsed_ns,
        deadline_met=elapsed_ns <= inquiry.time_allowed_ns,
    )


def _check_version(version: str) -> None:
    if version != VERSION:
        raise UnknownVersionError(f"there is no version {version[:40]!r} of a task; there is {VERSION}")


def _can_ask(desk: AskingDesk | None) -> bool:
    return desk is not None and desk.problem is None


def _ready(*, ready: bool) -> Response:
    return _sent(document_response(Ready(ready=ready, live=ready), HTTPStatus.OK if ready else NOT_READY))


def _sent(response: OipResponse) -> Response:
    return Response(response.body, response.status, response.headers)
