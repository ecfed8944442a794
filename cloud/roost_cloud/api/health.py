"""What an orchestrator and a monitoring system ask: alive, ready, figures."""

from http import HTTPStatus

import structlog
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from roost_cloud.api.auth import Given
from roost_cloud.api.errors import RETRY_AFTER_S
from roost_cloud.roles import Worker
from roost_shared.errors import RoostError

__all__ = ["Health", "health_router"]

log = structlog.get_logger(__name__)


class Health(BaseModel):
    """How each part fares: `ok`, or what is wrong with it."""

    ready: bool
    parts: dict[str, str]


def health_router(workers: dict[str, Worker]) -> APIRouter:
    """Routes at the top level.

    Args:
        workers: of this process, by role.
    """
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    def alive() -> dict[str, str]:
        """The process serves requests."""
        return {"status": "ok"}

    @router.get("/readyz", response_model=Health, responses={503: {"model": Health, "description": "Not ready"}})
    def ready(services: Given) -> JSONResponse:
        """Everything it needs answers: the database, and the broker for roles that use one."""
        parts = {name: worker.problem or "ok" for name, worker in workers.items()}
        try:
            services.database.ping()
            parts["database"] = "ok"
        except RoostError as error:
            parts["database"] = error.code  # anybody may ask: where it is, the log says
            log.warning("not_ready", code=error.code, message=str(error))
        health = Health(ready=all(text == "ok" for text in parts.values()), parts=parts)
        status = HTTPStatus.OK if health.ready else HTTPStatus.SERVICE_UNAVAILABLE
        headers = {} if health.ready else {"Retry-After": str(RETRY_AFTER_S)}
        return JSONResponse(health.model_dump(), status_code=status, headers=headers)

    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    def metrics(services: Given) -> Response:
        """Figures in Prometheus's text format."""
        return Response(generate_latest(services.metrics), media_type=CONTENT_TYPE_LATEST)

    return router
