"""The role `scorer` of a deployment."""

import hmac
import os
import secrets
from typing import Final

from roost_cloud.broker.settings import LinkSettings, Subscription
from roost_cloud.guard import Guard
from roost_cloud.scorer.bundle_cache import BundleCache
from roost_cloud.scorer.figures import Figures
from roost_cloud.scorer.librarian import Librarian
from roost_cloud.scorer.shelf import Shelf
from roost_cloud.scorer.worker import Scorer
from roost_cloud.services import Services
from roost_shared.errors import ConfigError

__all__ = ["ASK_TOPICS", "make_scorer", "subscription"]

ASK_TOPICS: Final = "roost/1/+/d/+/ask/+"
_MEGABYTE: Final = 1 << 20


def make_scorer(services: Services) -> Scorer:
    """The role.

    Raises:
        ConfigError: there is no broker.
        ContentError: its address or certificates cannot be used.
    """
    settings = services.settings
    if settings.broker_url is None:
        raise ConfigError(
            where="settings", key="broker_url", problem="a scorer needs a broker", remedy="Write mqtts://HOST:PORT"
        )
    threads = settings.scorer_threads or os.cpu_count() or 1
    figures = Figures(services.metrics)
    shelf = Shelf()
    librarian = Librarian(
        shelf,
        services.database,
        BundleCache(settings.data_dir / "bundle-cache", services.objects, settings.scorer_cache_mb * _MEGABYTE),
        memory_bytes=settings.scorer_memory_mb * _MEGABYTE,
        threads=threads,
        clock=services.clock,
        on_load=figures.loaded,
        guard=Guard("scorer", services.metrics),
    )
    link = LinkSettings(
        url=settings.broker_url,
        client_id=f"roost-cloud-scorer-{secrets.token_hex(4)}",  # any number of workers
        subscriptions=(Subscription(subscription(services), 0),),
        cafile=settings.broker_cafile,
        ca_pem=None if settings.broker_cafile else services.authority.root_certificate_pem,
        certfile=settings.broker_certfile,
        keyfile=settings.broker_keyfile,
        version=4,  # nothing of MQTT 5 is needed, and its properties take paho a tenth of all time spent on a question
    )
    return Scorer(link, shelf, librarian, figures, threads=threads, clock=services.clock)


def subscription(services: Services) -> str:
    """What a deployment's scorers subscribe to, each getting its share of the questions.

    Mosquitto grants any subscription and looks only at each delivery at whether the client may read it: whoever joined
    the scorers' group would swallow its share of the questions unread. So the group's name is a secret of the
    deployment's. The embedded broker knows no shared subscriptions.
    """
    if services.settings.embedded:
        return ASK_TOPICS
    group = hmac.digest(services.token_key, b"the scorers' group", "sha256").hex()[:24]
    return f"$share/scorers-{group}/{ASK_TOPICS}"
