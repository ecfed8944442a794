"""Keeping every tenant's snapshot and timestamp fresh: the director's duty."""

import structlog

from roost_cloud.guard import typed
from roost_cloud.services import Services
from roost_cloud.trust.online_keys import OnlineKeys
from roost_cloud.trust.publishing import Publisher
from roost_cloud.trust.queries import tenants_with_trust
from roost_shared.errors import RoostError

__all__ = ["refresh_all"]

log = structlog.get_logger(__name__)


def refresh_all(services: Services) -> int:
    """Sign anew what half of its life has passed of. One tenant's trouble is not another's.

    Returns:
        For how many tenants.

    Raises:
        RoostError: for some tenant it could not be done; the others were done.
    """
    with services.database.read() as session:
        tenants = tenants_with_trust(session)
    failures: list[RoostError] = []
    refreshed = 0
    for tenant in tenants:
        try:
            refreshed += _publisher(services, tenant).refresh()
        except Exception as raised:  # noqa: BLE001 - the boundary of a tenant: typed, and raised in the end
            error = typed(raised, tenant=tenant)
            log.warning("trust.not_refreshed", tenant=tenant, code=error.code, message=str(error))
            failures.append(error)
    if failures:
        raise failures[0]
    return refreshed


def _publisher(services: Services, tenant: str) -> Publisher:
    return Publisher(
        database=services.database,
        store=services.objects,
        keys=OnlineKeys(services.settings.secrets_path, tenant),
        actor="director",
        now=services.now(),
    )
