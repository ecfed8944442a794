"""Inputs by HTTP: the Open Inference Protocol v2, in which a task is a model.

The deadline counts from the moment the whole request was read. Whatever the rendezvous answers is a success, by a
default too; a request that makes no sense is refused, and no contestant hears of it.

A request with an `id` may be repeated: the same id, from the same host, to the same task, with the same input is the
same request and gets the same answer. With another input it is another request: many clients number theirs from 1 at
each start, and none shall get the answer to another's input.
"""

import hashlib
import zlib
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Final

from roost_edge.http import Head, HttpConnection, HttpServer, Request, Response, refusal
from roost_edge.intake.http_errors import HttpRefusalError
from roost_edge.intake.http_gate import HttpGate
from roost_edge.intake.inputs import Delivery, Input
from roost_edge.intake.oip_paths import Route, find_route
from roost_edge.loop.reactor import Reactor
from roost_edge.settings.config import AgentConfig, HttpConfig
from roost_edge.settings.listen_address import ListenAddress
from roost_edge.tasks.readiness import is_ready
from roost_edge.tasks.task import Task
from roost_shared import __version__
from roost_shared.clock import Clock, ms_to_ns, timestamp
from roost_shared.complaints import Complaints
from roost_shared.messages import Answer
from roost_shared.oip import (
    HEADER_LENGTH,
    NOT_READY,
    InferRequest,
    Live,
    ModelReady,
    OipError,
    OipLimits,
    OipResponse,
    Ready,
    ResponseForm,
    ServerMetadata,
    answer_response,
    document_response,
    header_length,
    model_metadata,
    read_request,
)

__all__ = ["HttpIntake", "HttpReply"]

NAME: Final = "roost-agent"
BODIES_AT_ONCE: Final = 4  # largest requests that may be coming in together


class HttpReply:
    """The way back to a client, and to those that repeat its request before the answer is there."""

    __slots__ = ("_answered", "_clients")

    def __init__(self, answered: Callable[[], object]) -> None:
        self._answered = answered
        self._clients: list[tuple[HttpConnection, ResponseForm]] = []

    def join(self, connection: HttpConnection, form: ResponseForm) -> None:
        """Answer this client too."""
        self._clients.append((connection, form))

    def answered(self) -> bool:
        """Never: a request is read once."""
        return False

    def can_deliver(self) -> bool:
        """Whether an answer given now would be handed to a socket."""
        return any(connection.can_send() for connection, _ in self._clients)

    def deliver(self, answer: Answer) -> Delivery:
        """Respond; what became of it is what became of the luckiest client's."""
        self._answered()
        sent = {connection.respond(_plain(answer_response(answer, form))) for connection, form in self._clients}
        if "handed" in sent:
            return Delivery.HANDED
        return Delivery.QUEUED if "queued" in sent else Delivery.AWAY

    def settled(self) -> None:
        """Nothing to do: HTTP delivers an input once."""


class HttpIntake:
    """Turns requests into inputs, and tells how the agent's tasks fare.

    Args:
        config: the agent's; it has a section `[http]`.
        http: that section.
        tasks: those there are, by name.
        reactor: the loop it lives in.
        clock: for times of receipt and the wall time that answers state.
        complaints: where faults are counted.
        boot: this start of the agent; minted ids begin with it.
        take: called with each input.
    """

    def __init__(
        self,
        config: AgentConfig,
        http: HttpConfig,
        tasks: Mapping[str, Task],
        reactor: Reactor,
        clock: Clock,
        complaints: Complaints,
        *,
        boot: str,
        take: Callable[[Input], None],
    ) -> None:
        self._limits = OipLimits(payload_bytes=config.limits.payload_bytes)
        self._gate = HttpGate(
            tasks,
            self._limits,
            token_sha256=http.token_sha256,
            operator_token_sha256=config.operator_token_sha256,
        )
        self._tasks = tasks
        self._clock = clock
        self._complaints = complaints
        self._boot = boot
        self._take = take
        self._taking = False
        self._minted = count(1)
        self._unanswered: dict[str, HttpReply] = {}  # by the key of an input whose id the caller gave
        self._joined = 0
        self._inputs = 0
        self._server = HttpServer(
            ListenAddress.parse(http.listen),
            reactor,
            complaints,
            admit=self._admit,
            handle=self._handle,
            connections=http.connections,
            body_bytes=BODIES_AT_ONCE * self._limits.body_bytes,
        )

    def listen(self) -> None:
        """Begin to listen; inputs are not taken yet, but who asks how the agent fares is told."""
        self._server.start()

    def begin(self) -> None:
        """Take inputs."""
        self._taking = True

    def stop(self) -> None:
        """Take no more inputs; those taken are still answered."""
        self._taking = False
        self._server.stop()

    def close(self) -> None:
        """End all connections."""
        self._server.close()

    def describe(self) -> dict[str, Any]:
        """Its part of the status document."""
        return {**self._server.describe(), "inputs": self._inputs, "joined": self._joined}

    # ---- judging a request by its head

    def _admit(self, head: Head) -> Response | None:
        try:
            self._gate.check_head(head, taking=self._taking)
        except OipError as error:
            return self._refuse(error)
        return None

    # ---- a whole request

    def _handle(self, request: Request, connection: HttpConnection) -> None:
        route = find_route(request.head.target)
        assert route is not None  # noqa: S101 - its head was admitted; tells mypy
        if route.operation == "infer":
            try:
                self._infer(route.task, request, connection)
            except OipError as error:
                connection.respond(self._refuse(error))
        else:
            connection.respond(_plain(self._tell(route)))

    def _tell(self, route: Route) -> OipResponse:
        """What is asked of a server or a model besides answers."""
        match route.operation:
            case "live":
                return document_response(Live(live=True))
            case "ready":
                ready = self._taking and all(is_ready(task) for task in self._tasks.values())
                return document_response(Ready(ready=ready, live=ready), 200 if ready else NOT_READY)
            case "model":
                return document_response(model_metadata(route.task))
            case "model_ready":
                ready = self._taking and is_ready(self._tasks[route.task])
                return document_response(ModelReady(route.task, ready), 200 if ready else NOT_READY)
            case _:
                return document_response(ServerMetadata(NAME, __version__))

    def _infer(self, task: str, request: Request, connection: HttpConnection) -> None:
        """Take an input.

        Raises:
            OipError: it cannot be asked about.
        """
        received_ns = self._clock.now_ns()
        json_bytes = header_length(request.head.headers.get(HEADER_LENGTH))
        asked = read_request(request.body, json_bytes=json_bytes, limits=self._limits)
        if asked.force is not None:
            self._gate.check_force(task, asked.force, asked.operator_token)
        if asked.capture:
            self._gate.check_capture(asked.operator_token)
        key = self._key(task, request.head.host, asked)
        if key in self._unanswered:
            self._joined += 1
            self._unanswered[key].join(connection, asked.form)
            return
        reply = HttpReply(lambda: self._unanswered.pop(key, None))
        reply.join(connection, asked.form)
        if asked.form.id is not None:
            self._unanswered[key] = reply
        self._inputs += 1
        self._take(
            Input(
                key=key,
                id=asked.form.id or key,
                task=task,
                payload=asked.payload,
                content_type=asked.content_type,
                received_ns=received_ns,
                received_at=timestamp(self._clock.wall()),
                reply=reply,
                deadline_ns=None if asked.deadline_ms is None else ms_to_ns(asked.deadline_ms),
                force=asked.force,
                repeatable=asked.form.id is not None,
                keep=asked.capture,
            )
        )

    def _key(self, task: str, host: str, asked: InferRequest) -> str:
        if asked.form.id is None:
            return f"{self._boot}-h{next(self._minted)}"
        scope = f"{task}\0{host}\0{len(asked.payload)}\0{zlib.crc32(asked.payload)}\0{asked.form.id}"
        return f"h-{hashlib.blake2b(scope.encode(), digest_size=16).hexdigest()}"

    def _refuse(self, error: OipError) -> Response:
        self._complaints.note(error.code, str(error))
        headers = error.headers if isinstance(error, HttpRefusalError) else {}
        return refusal(error.status, error.code, str(error), headers=headers)


def _plain(response: OipResponse) -> Response:
    return Response(response.status, response.headers, response.body)
