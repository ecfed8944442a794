"""The application: every route of this process, made from its services. `serve.py` runs it; tests call it."""

from typing import Final

from fastapi import APIRouter, FastAPI

from roost_cloud.api import (
    aliases,
    audit,
    blobs,
    broker,
    bundles,
    device_auth,
    devices,
    enrolment,
    tasks,
    tenants,
    tokens,
    uploads,
    v2,
)
from roost_cloud.api.errors import handle_errors
from roost_cloud.api.health import health_router
from roost_cloud.api.objects import objects_router
from roost_cloud.api.traffic import BodyLimit, Traffic
from roost_cloud.asking import AskingDesk
from roost_cloud.objects import ObjectStore
from roost_cloud.objects.files import FileStore
from roost_cloud.roles import Worker
from roost_cloud.services import Services
from roost_shared import __version__

__all__ = ["create_app"]

_BODY_LIMIT_BYTES: Final = 4 << 20  # the largest is a bundle's manifest
# Objects go to disk as they come, under a signed limit; inputs are read once it is known whose they are, under theirs.
_STREAMED: Final = ("/api/v1/objects/", "/v2/")


def create_app(
    services: Services, workers: dict[str, Worker] | None = None, desk: AskingDesk | None = None
) -> FastAPI:
    """Make the application of one process.

    Args:
        services: opened; whoever opened them closes them after the application has ended.
        workers: the process's other roles, whose health it tells.
        desk: answers what is asked at /v2; None where there is no broker.
    """
    app = FastAPI(title="Roost", version=__version__, docs_url="/docs", redoc_url=None)
    app.state.services = services
    handle_errors(app)
    app.include_router(health_router(workers or {}))
    if "api" in services.settings.role:
        app.include_router(_api(services.objects))
        app.include_router(v2.v2_router(services, desk))
    app.add_middleware(BodyLimit, limit_bytes=_BODY_LIMIT_BYTES, exempt=_STREAMED)
    app.add_middleware(Traffic, metrics=services.metrics)
    return app


def _api(store: ObjectStore) -> APIRouter:
    api = APIRouter(prefix="/api/v1")
    for router in (
        tenants.router,
        tokens.router,
        audit.router,
        enrolment.router,
        device_auth.router,
        devices.router,
        broker.router,
        uploads.router,
        blobs.router,
        bundles.router,
        aliases.router,
        tasks.router,
    ):
        api.include_router(router)
    if isinstance(store, FileStore):  # others serve their signed URLs themselves
        api.include_router(objects_router(lambda: store))
    return api
