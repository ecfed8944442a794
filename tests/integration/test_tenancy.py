"""Nobody sees or changes what is another's: every route of the API, asked by everybody who may not.

The routes come from the application itself: one that has no probe fails here.
"""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx2 import Response
from sqlalchemy import select

from roost_cloud import api
from roost_cloud.app import create_app
from roost_cloud.db.tables import AuditEntry
from roost_cloud.people.principal import ROLES
from roost_cloud.services import open_services
from roost_shared.bundle import Bundle
from roost_shared.oip import NOT_READY
from tests.support.cloud import Cloud, ManualClock, settings_for
from tests.support.probes import PROBES, World, secret_of
from tests.support.served_cloud import bundle_like, manifest_of, sizes_of

PEOPLES = {route: probe for route, probe in PROBES.items() if probe.needs not in ("nobody", "device")}
DEVICES = {route: probe for route, probe in PROBES.items() if probe.needs == "device"}
ADDRESSING = {route: probe for route, probe in PEOPLES.items() if probe.addresses_a_thing}
# What is not there answers 404, but for these.
NO_404 = {
    "PUT /api/v1/bundles/{name}/versions/{version}": 422,  # a push of one's own; its blobs are not there
    "GET /api/v1/bundles/{name}/aliases": 200,  # a list, empty
    "PUT /api/v1/tasks/{task}": 422,  # a task of one's own; its bundles are not there
}
# No broker is here, so nobody could be asked; what each says then.
WITHOUT_A_BROKER = {
    "POST /v2/models/{model}/infer": 503,
    "POST /v2/models/{model}/versions/{version}/infer": 503,
    "GET /v2/health/ready": NOT_READY,
    "GET /v2/models/{model}/ready": NOT_READY,
    "GET /v2/models/{model}/versions/{version}/ready": NOT_READY,
}
SHOWS_A_SECRET = ("token.issue", "enrolment.create", "tenant.create")


@pytest.fixture(scope="module")
def successor(argmax: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle_like(argmax, tmp_path_factory.mktemp("successor"), version="2")


@pytest.fixture
def world(cloud: Cloud, argmax: Bundle, successor: Bundle) -> World:
    return World(cloud, argmax, successor)


@pytest.fixture(scope="module")
def standing(
    newest_sqlite: Path, argmax: Bundle, successor: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """One for all who are refused: they leave it as it was."""
    folder = tmp_path_factory.mktemp("standing")
    shutil.copy(newest_sqlite, folder / "roost.db")
    clock = ManualClock()
    with open_services(settings_for(folder), clock=clock) as services:
        cloud = Cloud(services, clock)
        with cloud.client:
            yield World(cloud, argmax, successor)


@pytest.mark.one_database
def test_every_route_has_a_probe(cloud: Cloud) -> None:
    paths = create_app(cloud.services).openapi()["paths"]
    assert {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods} == set(PROBES)


def test_no_route_hides_from_the_document() -> None:
    sources = Path(*api.__path__).glob("*.py")
    assert not [file.name for file in sources if "include_in_schema" in file.read_text()]


def test_every_probe_works_for_whoever_may_and_the_record_says_so(world: World) -> None:
    for route, probe in PROBES.items():
        before = len(records(world.cloud))
        response = world.request(route, world.rightful(probe))
        told = f"{route}: {response.status_code} {response.text}"
        if route in WITHOUT_A_BROKER:
            assert response.status_code == WITHOUT_A_BROKER[route], told
        else:
            assert response.status_code < 400, told
        written = records(world.cloud)[before:]
        if probe.audit is not None:
            assert probe.audit in written, route
        elif route.startswith("GET "):
            assert not written, route


def test_without_a_token_nobody_is_let_in(standing: World) -> None:
    token = standing.headers("acme", "admin")["Authorization"]
    strange: list[dict[str, str]] = [
        {"Authorization": "Basic cm9vc3Q6cm9vc3Q="},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer roost_0123456789abcdef_c2VjcmV0"},
        {"Authorization": token[:-1]},
        {"Authorization": token.replace("roost_", "")},
    ]
    before = standing.rows()
    # Who comes is known before it is known where to: of those who are strange, each route hears one.
    for route, headers in zip({**PEOPLES, **DEVICES}, itertools.cycle(strange), strict=False):
        for given in ({}, headers):
            response = standing.request(route, given)
            assert response.status_code == 401, f"{route} {given}: {response.status_code}"
            assert response.headers["WWW-Authenticate"] == "Bearer"
            assert not leaks(response, standing), f"{route}: {response.text}"
    assert standing.rows() == before


def test_a_role_that_is_too_low_is_refused(standing: World) -> None:
    before = standing.rows()
    for route, probe in PEOPLES.items():
        for headers in standing.wrongful(probe):
            response = standing.request(route, headers)
            assert response.status_code == 403, f"{route}: {response.status_code} {response.text}"
            assert not leaks(response, standing), f"{route}: {response.text}"
    assert standing.rows() == before


@pytest.mark.one_database
def test_another_tenants_things_are_not_there_and_look_like_nobodys(world: World) -> None:
    before = world.rows()
    for (route, probe), role in itertools.product(ADDRESSING.items(), ROLES):
        headers = world.headers("beta", role)
        acmes, nobodys = world.request(route, headers), world.request(route, headers, nobodys=True)
        expected = NO_404.get(route, 404) if role in probe.roles else 403
        assert acmes.status_code == expected, f"{route} as {role}: {acmes.status_code} {acmes.text}"
        assert told(acmes, world) == told(nobodys, world), f"{route} as {role}"
        assert acmes.headers.keys() == nobodys.headers.keys()
    assert world.rows() == before


def test_the_platform_sees_nothing_of_a_tenants(standing: World) -> None:
    before = standing.rows()
    for (route, probe), role in itertools.product(ADDRESSING.items(), ROLES):
        response = standing.request(route, standing.headers(None, role))
        assert response.status_code in (403, 404), f"{route}: {response.status_code} {response.text}"
        assert response.status_code == 403 or role in probe.platform_roles
    assert standing.rows() == before


def test_lists_hold_nothing_of_another_tenants(standing: World) -> None:
    for route in (route for route in PEOPLES if route.startswith("GET ") and route not in ADDRESSING):
        for tenant, role in itertools.product(("beta", None), ROLES):
            response = standing.request(route, standing.headers(tenant, role))
            assert not leaks(response, standing), f"{route} as {role} of {tenant}: {response.text}"


def test_a_push_cannot_tell_what_another_tenant_has(standing: World, argmax: Bundle) -> None:
    client, headers = standing.cloud.client, standing.headers("beta", "operator")
    path = f"/api/v1/bundles/{argmax.config.name}/versions/{argmax.config.version}"
    pushed = client.put(path, content=manifest_of(argmax), headers=headers)
    assert (pushed.status_code, pushed.json()["error"]["code"]) == (422, "bundle.blobs_missing")
    for digest, size_bytes in sizes_of(argmax).items():
        begun = client.post("/api/v1/uploads", json={"digest": digest, "size_bytes": size_bytes}, headers=headers)
        assert begun.status_code == 201, "it says that the blob is here, and it is not beta's"


def test_a_device_opens_no_route_of_peoples(standing: World) -> None:
    headers = standing.device_headers()
    for route in PEOPLES:
        assert standing.request(route, headers).status_code == 401, route


@pytest.mark.one_database
def test_another_devices_things_are_not_there_and_look_like_nobodys(world: World) -> None:
    strangers = {route: world.strange_devices(probe) for route, probe in DEVICES.items() if probe.addresses_a_thing}
    before = world.rows()
    for route, those in strangers.items():
        for headers in those:
            its, nobodys = world.request(route, headers), world.request(route, headers, nobodys=True)
            assert its.status_code == 404, f"{route}: {its.status_code} {its.text}"
            assert told(its, world) == told(nobodys, world), route
    assert world.rows() == before


@pytest.mark.one_database
def test_secrets_are_shown_once_and_never_logged_or_recorded(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    seen = []
    for route, probe in PROBES.items():
        response = world.request(route, world.rightful(probe))
        if probe.audit in SHOWS_A_SECRET:
            said = response.json().get("admin_token", response.json())["token"]
            world.secrets.append(secret_of(said))
        else:
            seen.append(response.text)
    assert '"path": "/api/v1/enrol"' in caplog.text
    seen += [caplog.text, *itertools.chain(*world.rows().values())]
    with world.cloud.services.database.read() as session:
        seen += [repr(row.detail) for row in session.scalars(select(AuditEntry))]
    assert len(world.secrets) > 4
    for secret in world.secrets:
        assert not [text for text in seen if secret in text]


def told(response: Response, world: World) -> tuple[int, str]:
    """What somebody learns of a refusal, whatever the thing they asked for is called."""
    said = response.text
    # The longest first: one name may be a part of another.
    for name in sorted(itertools.chain(*world.names), key=len, reverse=True):
        said = said.replace(name, "…")
    return response.status_code, said


def leaks(response: Response, world: World) -> bool:
    """Whether an answer holds something that only acme knows; a refusal may repeat what was asked for."""
    return response.status_code < 400 and any(mark in response.text for mark in world.marks)


def records(cloud: Cloud) -> list[str]:
    with cloud.services.database.read() as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))
