"""What the OpenAPI document says is what the API does, whatever is sent to it (schemathesis).

`--campaign` sends sixty times as much.
"""

from collections.abc import Iterator

import pytest
import schemathesis
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from schemathesis import GenerationMode

from roost_cloud.services import open_services
from roost_shared.bundle import Bundle
from tests.support.cloud import Cloud, ManualClock, settings_for
from tests.support.fuzzing import fault_of, operations
from tests.support.postgres import Postgres
from tests.support.probes import World
from tests.support.served_cloud import bundle_like

EXAMPLES = 2  # of good and of bad requests to each operation, which each of those who ask sends
CAMPAIGN = 60


@pytest.fixture(scope="module")
def world(
    postgres: Postgres, newest_postgres: str, argmax: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """On PostgreSQL, which minds more of what it is given than SQLite does."""
    folder = tmp_path_factory.mktemp("fuzzed")
    name = postgres.new_database(newest_postgres)
    clock = ManualClock()
    with open_services(settings_for(folder, database_url=postgres.url(name)), clock=clock) as services:
        cloud = Cloud(services, clock)
        with cloud.client:
            yield World(cloud, argmax, bundle_like(argmax, folder / "successor", version="2"))
    postgres.drop_database(name)


LONG = [pytest.mark.campaign, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("examples", [EXAMPLES, pytest.param(EXAMPLES * CAMPAIGN, marks=LONG)])
@pytest.mark.parametrize("mode", GenerationMode)
def test_answers_are_as_documented_whatever_is_asked(world: World, mode: GenerationMode, examples: int) -> None:
    askers = {
        "an admin": world.headers("acme", "admin"),
        "the platform": world.headers(None, "admin"),
        "a device": world.device_headers(),
        "nobody": {},
    }
    schema = schemathesis.openapi.from_asgi("/openapi.json", world.cloud.client.app)
    faults = [fault_of(each, mode, askers, examples) for each in operations(schema)]
    broken = [fault for fault in faults if fault is not None]
    assert not broken, "\n\n".join(broken)


def test_what_is_not_as_documented_is_found() -> None:
    app = FastAPI()

    @app.exception_handler(ZeroDivisionError)
    def broken(_: Request, __: Exception) -> JSONResponse:
        return JSONResponse({}, 500)

    @app.get("/breaks/{number}")
    def breaks(number: int) -> float:
        return number / 0

    @app.get("/refuses")
    def refuses() -> int:
        raise HTTPException(418)

    @app.get("/says_another_thing", responses={200: {"model": int}})
    def says_another_thing() -> JSONResponse:
        return JSONResponse("many")

    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    faults = [fault_of(each, GenerationMode.POSITIVE, {"nobody": {}}, EXAMPLES) for each in operations(schema)]
    for fault, expected in zip(faults, ("Server error", "Undocumented status code", "violates schema"), strict=True):
        assert fault is not None
        assert expected in fault
