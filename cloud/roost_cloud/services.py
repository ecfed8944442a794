"""What every room of the cloud is given: settings, database, objects, authority, clock, and secrets to sign with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry

from roost_cloud.broker.settings import LinkSettings, Subscription
from roost_cloud.db import Database
from roost_cloud.db.migrations import upgrade
from roost_cloud.deployment import check_begun, open_authority
from roost_cloud.fleet.authority import Authority
from roost_cloud.ingest.tally import RecordTally
from roost_cloud.objects import ObjectStore, open_store
from roost_cloud.secret_files import secret_bytes
from roost_cloud.settings import CloudSettings
from roost_shared.clock import Clock, SystemClock
from roost_shared.errors import ConfigError

__all__ = ["Services", "open_services"]


def _nobody(username: str) -> None:
    """Cuts nobody off: for a broker of its own, `roost broker sync` does it."""


@dataclass(frozen=True)
class Services:
    """One deployment, as one process sees it."""

    settings: CloudSettings
    database: Database
    objects: ObjectStore
    authority: Authority
    clock: Clock
    token_key: bytes  # signs devices' short tokens
    metrics: CollectorRegistry
    record_tally: RecordTally  # of devices' records, whichever way they come
    cut_off: Callable[[str], None] = _nobody  # ends a user's connections to the embedded broker, soon

    def now(self) -> datetime:
        """The server's time, UTC."""
        return self.clock.wall()

    def link_settings(self, client_id: str, *subscriptions: Subscription) -> LinkSettings:
        """What a connection of one of our roles to the broker is told.

        Raises:
            ConfigError: there is no broker.
        """
        settings = self.settings
        if settings.broker_url is None:
            raise ConfigError(
                where="settings", key="broker_url", problem="there is no broker", remedy="Write mqtts://HOST:PORT"
            )
        return LinkSettings(
            url=settings.broker_url,
            client_id=client_id,
            subscriptions=subscriptions,
            cafile=settings.broker_cafile,
            ca_pem=None if settings.broker_cafile else self.authority.root_certificate_pem,
            certfile=settings.broker_certfile,
            keyfile=settings.broker_keyfile,
        )


@contextmanager
def open_services(
    settings: CloudSettings, *, clock: Clock | None = None, may_begin: bool = True
) -> Iterator[Services]:
    """Open what a process of the cloud works with, the database's schema brought up to date.

    Args:
        settings: of the deployment.
        clock: default the machine's own.
        may_begin: whether this may be the deployment's first start; if not, nothing is made where there is none.

    Raises:
        NoDeploymentError: there is none, and this may not begin it.
        OtherRootError: the secrets are not this database's.
        RoostError: a database, store or secret cannot be used; says which.
    """
    secrets = settings.secrets_path
    if may_begin:
        settings.make_data_dir()
    clock = clock or SystemClock()
    database = Database(settings.database)
    try:
        if not may_begin:
            check_begun(database)
        upgrade(database)
        metrics = CollectorRegistry()
        authority = open_authority(database, secrets, clock)  # first: of lost secrets none is made anew
        yield Services(
            settings=settings,
            database=database,
            objects=open_store(
                settings.objects,
                public_url=settings.base_url,
                secret=secret_bytes(secrets, "objects.key"),
                clock=clock,
            ),
            authority=authority,
            clock=clock,
            token_key=secret_bytes(secrets, "tokens.key"),
            metrics=metrics,
            record_tally=RecordTally(clock, metrics),
        )
    finally:
        database.close()
