from tests.support.agent_fixtures import bundles
from tests.support.cloud_fixtures import (
    cloud,
    database,
    database_url,
    empty_database_url,
    newest_postgres,
    newest_sqlite,
    postgres,
)
from tests.support.mqtt_fixtures import connect, mosquitto, proxy

__all__ = [
    "bundles",
    "cloud",
    "connect",
    "database",
    "database_url",
    "empty_database_url",
    "mosquitto",
    "newest_postgres",
    "newest_sqlite",
    "postgres",
    "proxy",
]
