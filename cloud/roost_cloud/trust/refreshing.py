"""Keeping every tenant's snapshot and timestamp fresh: the director's duty."""

from roost_cloud.guard import Pieces
from roost_cloud.services import Services
from roost_cloud.trust.online_keys import OnlineKeys
from roost_cloud.trust.publishing import Publisher
from roost_cloud.trust.queries import tenants_with_trust

__all__ = ["refresh_all"]


def refresh_all(services: Services) -> int:
    """Sign anew what half of its life has passed of. One tenant's trouble is not another's.

    Returns:
        For how many tenants.

    Raises:
        DatabaseUnavailableError: the database is away; what was signed is stored.
        RoostError: for some tenant it could not be done; the others were done.
    """
    with services.database.read() as session:
        tenants = tenants_with_trust(session)
    pieces = Pieces()
    refreshed = 0
    for tenant in tenants:
        with pieces.piece(tenant=tenant):
            refreshed += _publisher(services, tenant).refresh()
    pieces.end()
    return refreshed


def _publisher(services: Services, tenant: str) -> Publisher:
    return Publisher(
        database=services.database,
        store=services.objects,
        keys=OnlineKeys(services.settings.secrets_path, tenant),
        actor="director",
        now=services.now(),
    )
