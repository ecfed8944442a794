"""The application: every route of this process, made from its services. `serve.py` runs it; tests call it."""

from typing import TYPE_CHECKING, Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse

from roost_cloud.api.errors import handle_errors
from roost_cloud.api.health import health_router
from roost_cloud.api.traffic import BodyLimit, BodyLimits, Traffic
from roost_cloud.dashboard.door import Door
from roost_cloud.objects.files import FileStore
from roost_cloud.roles import Worker
from roost_cloud.services import Services
from roost_shared import __version__

if TYPE_CHECKING:
    from roost_cloud.asking import AskingDesk

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
    services: Services, workers: dict[str, Worker] | None = None, desk: "AskingDesk | None" = None
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
        _add_api(app, services, desk)
    if "dashboard" in services.settings.role:
        app.state.door = Door(services)
        app.mount("/ui", app.state.door)
        app.add_route("/", _to_dashboard, include_in_schema=False)
    app.add_middleware(BodyLimit, limits=_BODIES)
    app.add_middleware(Traffic, metrics=services.metrics)
    return app


def _add_api(app: FastAPI, services: Services, desk: "AskingDesk | None") -> None:
    # Here, for a third of what a process loads is these rooms, and one without the role has no use for them.
    from roost_cloud.api import routes, v2  # noqa: PLC0415 - see above
    from roost_cloud.asking import Catalogue  # noqa: PLC0415 - see above

    app.router.routes.extend(routes.api_routes())
    if isinstance(services.objects, FileStore):  # others serve their signed URLs themselves
        app.router.routes.extend(routes.object_routes())
    app.state.counter = v2.Counter(Catalogue(services.database, services.clock), desk)
    app.router.routes.extend(v2.router.routes)


async def _to_dashboard(_request: Request) -> RedirectResponse:
    return RedirectResponse("/ui/")
