"""Every fixture with a server, a store or a cloud in it; a conftest whose tests start such takes them all in.

Those of `tests/unit` and `tests/property` start none, and have none.
"""

from tests.support.agent_fixtures import bundles
from tests.support.cloud_fixtures import (
    cloud,
    database,
    database_url,
    empty_database_url,
    files_need_not_last,
    newest_postgres,
    newest_sqlite,
    postgres,
    pytest_generate_tests,
    statements_are_compiled_once,
)
from tests.support.mqtt_fixtures import connect, driven, mosquitto, proxy
from tests.support.object_fixtures import file_objects, file_server, objects, s3_objects, s3_server, s3_store
from tests.support.registry_fixtures import argmax, served_cloud, small_parts

__all__ = [
    "argmax",
    "bundles",
    "cloud",
    "connect",
    "database",
    "database_url",
    "driven",
    "empty_database_url",
    "file_objects",
    "file_server",
    "files_need_not_last",
    "mosquitto",
    "newest_postgres",
    "newest_sqlite",
    "objects",
    "postgres",
    "proxy",
    "pytest_generate_tests",
    "s3_objects",
    "s3_server",
    "s3_store",
    "served_cloud",
    "small_parts",
    "statements_are_compiled_once",
]
