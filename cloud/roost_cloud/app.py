"""The application: every route of this process, made from its services. `serve.py` runs it; tests call it."""

import functools
from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute

from roost_cloud.api import (
    activity,
    activity_tasks,
    alarms,
    aliases,
    assignments,
    audit,
    blobs,
    broker,
    bundles,
    comparison,
    datasets,
    device_auth,
    device_bundles,
    device_shards,
    device_trust,
    devices,
    downloads,
    drift,
    drift_fleet,
    drift_history,
    drift_settings,
    enrolment,
    hooks,
    label_help,
    label_queue,
    recorded,
    records,
    rollouts,
    runs,
    sample_labels,
    samples,
    tasks,
    tenants,
    tokens,
    training,
    trust,
    uploads,
    v2,
    verdicts,
    wanted,
    what_if,
    windows,
)
from roost_cloud.api.auth import Given
from roost_cloud.api.errors import handle_errors
from roost_cloud.api.health import health_router
from roost_cloud.api.objects import objects_router
from roost_cloud.api.traffic import BodyLimit, BodyLimits, Traffic
from roost_cloud.asking import AskingDesk, Catalogue
from roost_cloud.dashboard.door import Door
from roost_cloud.objects.files import FileStore
from roost_cloud.roles import Worker
from roost_cloud.services import Services
from roost_shared import __version__

__all__ = ["create_app"]

# Objects go to disk as they come, under a signed limit; inputs are read once it is known whose they are, under theirs.
_STREAMED: Final = ("/api/v1/objects/", "/v2/")
_BODIES: Final = BodyLimits(
    named_bytes=4 << 20,  # the largest is a bundle's manifest
    nameless_bytes=64 << 10,  # the largest is a certificate signing request
    nameless_paths=("/api/v1/enrol", "/api/v1/device-auth/"),
    exempt_paths=_STREAMED,
    large_at_once=16,
    timeout_s=20,
)


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
    app.include_router(health_router(workers or {}, services))
    if "api" in services.settings.role:
        app.router.routes.extend(_routes())
        if isinstance(services.objects, FileStore):  # others serve their signed URLs themselves
            app.router.routes.extend(_object_routes())
        app.state.counter = v2.Counter(Catalogue(services.database, services.clock), desk)
        app.router.routes.extend(_inference_routes())
    if "dashboard" in services.settings.role:
        app.state.door = Door(services)
        app.mount("/ui", app.state.door)
        app.add_route("/", _to_dashboard, include_in_schema=False)
    app.add_middleware(BodyLimit, limits=_BODIES)
    app.add_middleware(Traffic, metrics=services.metrics)
    return app


async def _to_dashboard(_request: Request) -> RedirectResponse:
    return RedirectResponse("/ui/")


@functools.cache
def _routes() -> Sequence[BaseRoute]:
    """Those that hold nothing of a deployment, made once a process: FastAPI takes 0.15 s to make them."""
    routers = (
        tenants.router,
        tokens.router,
        audit.router,
        enrolment.router,
        device_auth.router,
        device_bundles.router,
        device_shards.router,
        device_trust.router,
        devices.router,
        assignments.router,
        assignments.device_router,
        broker.router,
        uploads.router,
        blobs.router,
        bundles.router,
        downloads.router,
        comparison.router,
        aliases.router,
        tasks.router,
        records.router,
        samples.router,
        recorded.router,
        wanted.router,
        label_queue.router,
        label_help.router,
        sample_labels.router,
        datasets.router,
        windows.router,
        trust.router,
        alarms.router,
        drift.router,
        drift_fleet.router,
        drift_history.router,
        drift_settings.router,
        rollouts.router,
        rollouts.device_router,
        hooks.router,
        runs.router,
        training.router,
        verdicts.router,
        activity.router,
        activity_tasks.router,
        what_if.router,
    )
    together = APIRouter()
    for router in routers:
        together.include_router(router, prefix="/api/v1")
    return together.routes


@functools.cache
def _object_routes() -> Sequence[BaseRoute]:
    together = APIRouter()
    together.include_router(objects_router(_file_store), prefix="/api/v1")
    return together.routes


async def _file_store(services: Given) -> FileStore:
    assert isinstance(services.objects, FileStore)  # noqa: S101 - else there are no such routes
    return services.objects


@functools.cache
def _inference_routes() -> Sequence[BaseRoute]:
    together = APIRouter()
    together.include_router(v2.router)
    return together.routes
