"""The roles that are no HTTP server, and what makes each: loaded when it is made, as few processes have them all."""

from collections.abc import Callable
from typing import Final

import structlog

from roost_cloud.roles import RoleName, Worker
from roost_cloud.services import Services

__all__ = ["make_workers"]

log = structlog.get_logger(__name__)


def _make_ingest(services: Services) -> Worker:
    from roost_cloud.ingest.worker import make_ingest  # noqa: PLC0415 - see above

    return make_ingest(services)


def _make_scorer(services: Services) -> Worker:
    from roost_cloud.scorer.role import make_scorer  # noqa: PLC0415 - see above

    return make_scorer(services)


def _make_monitor(services: Services) -> Worker:
    from roost_cloud.monitor.worker import make_monitor  # noqa: PLC0415 - see above

    return make_monitor(services)


def _make_director(services: Services) -> Worker:
    from roost_cloud.director.worker import make_director  # noqa: PLC0415 - see above

    return make_director(services)


def _make_trainer(services: Services) -> Worker:
    from roost_cloud.runs.role import make_trainer  # noqa: PLC0415 - see above

    return make_trainer(services)


_MAKERS: Final[dict[RoleName, Callable[[Services], Worker]]] = {
    "ingest": _make_ingest,
    "scorer": _make_scorer,
    "monitor": _make_monitor,
    "director": _make_director,
    "trainer": _make_trainer,
}
_OF_THE_BROKER: Final[frozenset[RoleName]] = frozenset({"ingest", "scorer"})  # without one they have nothing to do


def make_workers(services: Services) -> dict[str, Worker]:
    """The workers this process is to run, by role."""
    workers: dict[str, Worker] = {}
    for role in services.settings.role:
        if role in _OF_THE_BROKER and services.settings.broker_url is None:
            log.warning("role.idle", role=role, problem="there is no broker_url")
        elif role in _MAKERS:
            workers[role] = _MAKERS[role](services)
    return workers
