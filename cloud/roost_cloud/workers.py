"""The table of roles that are no HTTP server, and what makes each."""

from collections.abc import Callable
from typing import Final

import structlog

from roost_cloud.director.worker import make_director
from roost_cloud.ingest.worker import make_ingest
from roost_cloud.monitor.worker import make_monitor
from roost_cloud.roles import RoleName, Worker
from roost_cloud.runs.role import make_trainer
from roost_cloud.scorer.role import make_scorer
from roost_cloud.services import Services

__all__ = ["make_workers"]

log = structlog.get_logger(__name__)

_MAKERS: Final[dict[RoleName, Callable[[Services], Worker]]] = {
    "ingest": make_ingest,
    "scorer": make_scorer,
    "monitor": make_monitor,
    "director": make_director,
    "trainer": make_trainer,
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
