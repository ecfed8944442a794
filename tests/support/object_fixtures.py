"""Object stores to test: every test that takes `objects` runs on a folder and on S3, signed URLs served for both.

Every test's conftest reads this file, so what takes seconds to import is imported where it is used.
"""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from roost_cloud.objects import ObjectStore
    from tests.support.objects import FileObjects, FileServer, Objects
    from tests.support.s3 import S3Server

__all__ = ["file_objects", "file_server", "objects", "s3_objects", "s3_server", "s3_store"]


@pytest.fixture(scope="session")
def file_server() -> Iterator["FileServer"]:
    from tests.support.objects import FileServer  # noqa: PLC0415 - see above

    server = FileServer()
    with server.served:
        yield server


@pytest.fixture
def file_objects(file_server: "FileServer", tmp_path: Path) -> Iterator["FileObjects"]:
    made = file_server.open(tmp_path / "objects")
    yield made
    made.http.clear()


@pytest.fixture(scope="session")
def s3_server() -> Iterator["S3Server"]:
    """Found by boto3's own chain with the credentials it wants.

    Each client reads boto3's description of S3, which takes longer than most tests; here the first one's does for all.
    """
    from botocore.loaders import JSONFileLoader  # noqa: PLC0415 - see above

    from tests.support.s3 import S3Server  # noqa: PLC0415 - see above

    server = S3Server()
    server.start()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        loader = JSONFileLoader()
        environment.setattr(JSONFileLoader, "load_file", staticmethod(functools.cache(loader.load_file)))
        yield server
    server.stop()


@pytest.fixture(scope="session")
def s3_store(s3_server: "S3Server") -> "ObjectStore":
    """One for all tests: a client takes boto3 longer to make than most tests to run."""
    from roost_cloud.objects import open_store  # noqa: PLC0415 - see above

    return open_store(s3_server.url(), public_url="", secret=b"")


@pytest.fixture
def s3_objects(s3_server: "S3Server", s3_store: "ObjectStore") -> Iterator["Objects"]:
    from tests.support.objects import Objects  # noqa: PLC0415 - see above

    s3_server.empty()
    made = Objects(s3_store, s3_server.port)
    yield made
    made.http.clear()


@pytest.fixture(params=["file", "s3"])
def objects(request: pytest.FixtureRequest) -> "Objects":
    made: Objects = request.getfixturevalue(f"{request.param}_objects")
    return made
