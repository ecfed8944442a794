"""What an orchestrator and a monitoring system ask: alive, ready, figures.

Anybody may ask, so a part that is unwell shows a stable code and no more; where it is and what it says, the log has.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Final

import structlog
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from roost_cloud.api.errors import RETRY_AFTER_S
from roost_cloud.objects import ObjectStore
from roost_cloud.objects.errors import ObjectNotFoundError
from roost_cloud.roles import Worker
from roost_cloud.services import Services
from roost_shared.clock import SECOND, Clock
from roost_shared.errors import RoostError

__all__ = ["Health", "health_router"]

log = structlog.get_logger(__name__)


_OK: Final = "ok"
_ROLE_UNABLE: Final = "role.unable"
_PROBED: Final = "roost/readyz/probe"  # an object that there is not
_PROBE_EVERY_NS: Final = 5 * SECOND


class Health(BaseModel):
    """How each part fares: `ok`, or the stable code of what is wrong with it."""

    ready: bool
    parts: dict[str, str]


class _ObjectsProbe:
    """Asks the object store, which may charge for each question, once in a while."""

    def __init__(self, store: ObjectStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._turn = threading.Lock()
        self._fault: RoostError | None = None
        self._asked_ns: int | None = None

    def ask(self) -> None:
        """Raise what the store did, now or a moment ago."""
        with self._turn:
            now_ns = self._clock.now_ns()
            if self._asked_ns is None or now_ns - self._asked_ns >= _PROBE_EVERY_NS:
                self._fault = self._found()
                self._asked_ns = now_ns
        if self._fault is not None:
            raise self._fault

    def _found(self) -> RoostError | None:
        try:
            with suppress(ObjectNotFoundError):
                self._store.head(_PROBED)
        except RoostError as error:
            return error
        return None


def health_router(workers: dict[str, Worker], services: Services) -> APIRouter:
    """Routes at the top level.

    Args:
        workers: of this process, by role.
        services: of this process.
    """
    router = APIRouter(tags=["health"])
    objects = _ObjectsProbe(services.objects, services.clock)

    @router.get("/healthz")
    def alive() -> dict[str, str]:
        """The process serves requests."""
        return {"status": "ok"}

    @router.get("/readyz", response_model=Health, responses={503: {"model": Health, "description": "Not ready"}})
    def ready() -> JSONResponse:
        """Everything it needs answers: the database, the objects, and the broker for roles that use one."""
        parts = {name: _told_of_role(name, worker) for name, worker in workers.items()}
        parts["database"] = _told(services.database.ping)
        parts["objects"] = _told(objects.ask)
        health = Health(ready=all(text == _OK for text in parts.values()), parts=parts)
        status = HTTPStatus.OK if health.ready else HTTPStatus.SERVICE_UNAVAILABLE
        headers = {} if health.ready else {"Retry-After": str(RETRY_AFTER_S)}
        return JSONResponse(health.model_dump(), status_code=status, headers=headers)

    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    def metrics() -> Response:
        """Figures in Prometheus's text format."""
        return Response(generate_latest(services.metrics), media_type=CONTENT_TYPE_LATEST)

    return router


def _told(ask: Callable[[], None]) -> str:
    try:
        ask()
    except RoostError as error:
        log.warning("not_ready", code=error.code, message=str(error))
        return error.code
    return _OK


def _told_of_role(name: str, worker: Worker) -> str:
    problem = worker.problem
    if problem is None:
        return _OK
    log.warning("not_ready", code=_ROLE_UNABLE, role=name, message=problem)
    return _ROLE_UNABLE
