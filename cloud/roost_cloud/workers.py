"""The table of roles that are no HTTP server, and what makes each."""

from collections.abc import Callable
from typing import Final

import structlog

from roost_cloud.ingest.worker import make_ingest
from roost_cloud.roles import RoleName, Worker
from roost_cloud.services import Services

__all__ = ["make_workers"]

log = structlog.get_logger(__name__)

_MAKERS: Final[dict[RoleName, Callable[[Services], Worker]]] = {"ingest": make_ingest}


def make_workers(services: Services) -> dict[str, Worker]:
    """The workers this process is to run, by role; none where there is no broker they could take work from."""
    wanted = [role for role in services.settings.role if role in _MAKERS]
    if services.settings.broker_url is None:
        for role in wanted:
            log.warning("role.idle", role=role, problem="there is no broker_url")
        return {}
    return {role: _MAKERS[role](services) for role in wanted}
