"""The way in: the platform's first token, made at the first start and shown once. There is no default password."""

from datetime import timedelta
from pathlib import Path

from roost_cloud.db import Turn
from roost_cloud.people import tokens
from roost_cloud.services import Services
from roost_shared.durable import write_durably

__all__ = ["first_start", "new_token"]


def first_start(services: Services) -> str | None:
    """Make the platform's first token, if it has had none.

    Returns:
        The token's text; None if this is not the first start.
    """
    with services.database.begin() as session:
        services.database.take_turn(session, Turn.FIRST_START)
        if tokens.exists_for_platform(session):
            return None
        issued = tokens.issue(
            session,
            tenant=None,
            name="first start",
            role="admin",
            lifetime=None,
            actor="bootstrap",
            now=services.now(),
        )
        # Kept before the transaction ends: a token nobody has seen would lock everybody out.
        if services.settings.bootstrap_token_file is not None:
            _keep(services.settings.bootstrap_token_file, issued.text)
        return issued.text


def new_token(services: Services, tenant: str | None, *, name: str, lifetime: timedelta | None) -> str:
    """Make another admin's token, for whoever runs the cloud and for a tenant or itself has lost all.

    Args:
        services: of the deployment.
        tenant: whose; None for the platform's.
        name: for people, to tell tokens apart.
        lifetime: None for ever.

    Raises:
        NotFoundError: there is no such tenant.
    """
    with services.database.begin() as session:
        issued = tokens.issue(
            session, tenant=tenant, name=name, role="admin", lifetime=lifetime, actor="shell", now=services.now()
        )
        return issued.text


def _keep(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_durably(file, f"{text}\n".encode(), mode=0o600)
