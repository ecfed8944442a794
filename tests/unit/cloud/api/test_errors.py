"""Which status an error becomes, and whether it asks to come again."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from roost_cloud.api.errors import handle_errors, raises
from roost_cloud.db import DatabaseDamagedError, DatabaseFullError, DatabaseUnavailableError
from roost_cloud.errors import ConflictError, NotFoundError
from roost_cloud.fleet.x509.profiles import AuthorityExpiredError
from roost_cloud.objects.errors import StoreFailedError, StoreFullError, StoreUnavailableError
from roost_shared.errors import RoostError


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFoundError("device", "cam-01"), 404),
        (ConflictError("twice"), 409),
        (DatabaseUnavailableError("at db.internal"), 503),
        (StoreUnavailableError("at s3.internal"), 503),
        (DatabaseFullError("on /dev/sda"), 507),
        (StoreFullError("on /dev/sdb"), 507),
        (DatabaseDamagedError("in /var/lib"), 500),
        (StoreFailedError("no bucket at s3.internal"), 500),
        (AuthorityExpiredError("of acme"), 500),
    ],
    ids=lambda value: getattr(value, "code", None),
)
def test_an_error_becomes_the_status_of_its_cause(error: RoostError, status: int) -> None:
    app = FastAPI()
    handle_errors(app)

    @app.get("/", responses=raises(404, 409))
    def fail() -> None:
        raise error

    with TestClient(app) as client:
        response = client.get("/")
        documented = client.get("/openapi.json").json()["paths"]["/"]["get"]["responses"]
    told = response.json()["error"]
    assert (response.status_code, told["code"]) == (status, error.code)
    assert ("Retry-After" in response.headers) == (status == 503)
    assert (str(error) in told["message"]) == (status < 500)
    assert str(status) in documented
