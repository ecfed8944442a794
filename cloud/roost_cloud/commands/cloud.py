"""`roost cloud serve|migrate|token|collect`: running the cloud itself."""

from datetime import timedelta
from typing import Annotated

import typer

from roost_cloud.commands.cloud_settings import with_settings
from roost_cloud.loading import UNUSED, loading
from roost_cloud.settings import CloudSettings

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Run the cloud: serve it, move its database, get back in.")

_Days = Annotated[float | None, typer.Option(help="Days it lives; default for ever.", min=0.001, max=3660)]


@app.command()
@with_settings
def serve(settings: CloudSettings) -> None:
    """Serve until SIGTERM: the API and the other roles, on a database brought up to date.

    The first start prints how to get in.
    """
    with loading(without=UNUSED):
        from roost_cloud.logs import configure_logs  # noqa: PLC0415 - the server takes a second to load
        from roost_cloud.serve import serve as serve_cloud  # noqa: PLC0415 - see above

    configure_logs(settings.log_level, settings.log_format)
    serve_cloud(settings, say=typer.echo)


@app.command()
@with_settings
def migrate(settings: CloudSettings) -> None:
    """Bring the database up to date and end; `serve` does so too."""
    from roost_cloud.db import Database  # noqa: PLC0415 - SQLAlchemy is slow to load
    from roost_cloud.db.migrations import current, upgrade  # noqa: PLC0415 - see above

    settings.make_data_dir()
    database = Database(settings.database)
    try:
        before = current(database)
        upgrade(database)
        typer.echo(f"{before or 'empty'} → {current(database)}")
    finally:
        database.close()


@app.command()
@with_settings
def token(
    settings: CloudSettings,
    *,
    tenant: Annotated[str | None, typer.Option(help="Whose admin's; default the platform's.")] = None,
    name: Annotated[str, typer.Option(help="To tell tokens apart.")] = "from the shell",
    days: _Days = None,
) -> None:
    """Make an admin's token, for whoever has lost theirs; it takes no token, only the database."""
    from roost_cloud.bootstrap import new_token  # noqa: PLC0415 - SQLAlchemy is slow to load
    from roost_cloud.services import open_services  # noqa: PLC0415 - see above

    with open_services(settings, may_begin=False) as services:
        lifetime = None if days is None else timedelta(days=days)
        typer.echo(new_token(services, tenant, name=name, lifetime=lifetime))


@app.command()
@with_settings
def collect(settings: CloudSettings) -> None:
    """Remove what nothing refers to: blobs, stale uploads, what crashes left. Run it daily, also while it serves."""
    from roost_cloud.registry import collection  # noqa: PLC0415 - SQLAlchemy is slow to load
    from roost_cloud.services import open_services  # noqa: PLC0415 - see above

    with open_services(settings, may_begin=False) as services:
        done = collection.collect(services.database, services.objects, services.now(), actor="shell")
    typer.echo(f"{done.blobs} blobs ({done.blob_bytes:,} bytes), {done.uploads} uploads, {done.orphans} other objects")
