"""Signing in to the dashboard: what is before NiceGUI, which is tried in a browser."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi import FastAPI
from httpx2 import Response
from sqlalchemy import func, select
from starlette.requests import Request
from starlette.testclient import TestClient

from roost_cloud.api import devices, tenants
from roost_cloud.api.devices import DeviceChanges
from roost_cloud.api.pages import PageQuery
from roost_cloud.dashboard import signing_in
from roost_cloud.dashboard.gate import COOKIE, Gate
from roost_cloud.dashboard.session import LIFETIME, begun
from roost_cloud.dashboard.visitor import Visitor, recognise, visitor_of
from roost_cloud.db.tables import EndedSession
from roost_cloud.errors import ForbiddenError, UnauthenticatedError
from roost_cloud.people import ended_sessions, tokens
from tests.support.cloud import Cloud
from tests.support.fleet import enrolled_device
from tests.support.stocked import PICTURE, stock_input

HERE = {"Origin": "http://testserver"}


@pytest.fixture
def site(cloud: Cloud) -> Iterator[TestClient]:
    """A dashboard with one page, which says who looks at it."""
    house = FastAPI()
    house.include_router(signing_in.router)

    @house.get("/fleet")
    def fleet(request: Request) -> str:
        member = visitor_of(request).member
        return f"{member.tenant} {member.role}"

    app = FastAPI()
    app.mount("/ui", Gate(house, cloud.services))
    with TestClient(app, follow_redirects=False) as client:
        yield client


def sign_in(site: TestClient, token: str, after: str = "") -> Response:
    return site.post("/ui/sign-in", data={"token": token, "next": after}, headers=HERE)


def identity(token: str) -> str:
    return token.split("_")[1]


def visitor(cloud: Cloud, token: str) -> Visitor:
    session = begun([identity(token)], cloud.services.now())
    return Visitor(cloud.services, session, recognise(cloud.services, session))


def test_a_tenant_s_token_opens_the_pages_until_the_person_signs_out(cloud: Cloud, site: TestClient) -> None:
    asked = site.get("/ui/fleet?state=online")
    assert (asked.status_code, asked.headers["location"]) == (303, "/ui/sign-in?next=%2Fui%2Ffleet%3Fstate%3Donline")
    let_in = sign_in(site, f" {cloud.token(role='operator')}\n", "/ui/fleet?state=online")
    assert (let_in.status_code, let_in.headers["location"]) == (303, "/ui/fleet?state=online")
    cookie = let_in.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "Path=/ui", "Max-Age=43200"))
    shown = site.get("/ui/fleet")
    assert shown.json() == "acme operator"
    assert shown.headers["cache-control"] == "no-store"
    assert "default-src 'self'" in shown.headers["content-security-policy"]
    site.post("/ui/sign-out", headers=HERE)
    assert site.get("/ui/fleet").status_code == 303


def test_whoever_has_tokens_of_several_tenants_changes_between_them_and_sees_one_at_a_time(
    cloud: Cloud, site: TestClient
) -> None:
    beta = cloud.token("beta", "viewer")
    sign_in(site, cloud.token("acme", "operator"))
    assert site.post("/ui/tenant", data={"tenant": "beta"}, headers=HERE).status_code == 303
    assert site.get("/ui/fleet").json() == "acme operator"  # of beta it has no token
    sign_in(site, beta)
    assert site.get("/ui/fleet").json() == "beta viewer"
    site.post("/ui/tenant", data={"tenant": "acme"}, headers=HERE)
    assert site.get("/ui/fleet").json() == "acme operator"
    with cloud.services.database.begin() as session:
        tokens.revoke(session, "beta", identity(beta), actor="test", now=cloud.services.now())
    site.post("/ui/tenant", data={"tenant": "beta"}, headers=HERE)
    assert site.get("/ui/fleet").json() == "acme operator"
    assert site.post("/ui/tenant", data={"tenant": "acme"}, headers={"Origin": "https://evil"}).status_code == 403
    site.post("/ui/sign-out", headers=HERE)
    assert site.get("/ui/fleet").status_code == 303


def test_a_session_signed_out_of_is_over_wherever_its_cookie_lies(cloud: Cloud, site: TestClient) -> None:
    sign_in(site, cloud.token("acme", "operator"))
    copied = {"Cookie": f"{COOKIE}={site.cookies[COOKIE]}"}
    site.cookies.clear()
    assert site.get("/ui/fleet", headers=copied).json() == "acme operator"
    site.post("/ui/sign-out", headers={**HERE, **copied})
    assert site.get("/ui/fleet", headers=copied).status_code == 303
    assert site.post("/ui/tenant", data={"tenant": "acme"}, headers={**HERE, **copied}).status_code == 401
    # Nor does another token bring back those that it had.
    form = {"token": cloud.token("beta", "viewer")}
    assert site.post("/ui/sign-in", data=form, headers={**HERE, **copied}).status_code == 303
    assert site.get("/ui/fleet").json() == "beta viewer"
    site.post("/ui/tenant", data={"tenant": "acme"}, headers=HERE)
    assert site.get("/ui/fleet").json() == "beta viewer"
    site.post("/ui/sign-out", headers=HERE)
    site.post("/ui/sign-out", headers=HERE)  # again is no error


def test_signing_in_anew_ends_the_session_before(cloud: Cloud, site: TestClient) -> None:
    sign_in(site, cloud.token("acme", "operator"))
    copied = {"Cookie": f"{COOKIE}={site.cookies[COOKIE]}"}
    sign_in(site, cloud.token("beta", "viewer"))
    site.cookies.clear()
    assert site.get("/ui/fleet", headers=copied).status_code == 303


def test_ended_sessions_are_forgotten_with_their_cookies(cloud: Cloud, site: TestClient) -> None:
    for _ in range(2):
        sign_in(site, cloud.token("acme", "operator"))
        site.post("/ui/sign-out", headers=HERE)
        cloud.clock.advance(LIFETIME)
    with cloud.services.database.read() as session:
        assert session.scalar(select(func.count()).select_from(EndedSession)) == 1


def test_a_page_that_stands_open_may_nothing_once_its_person_signed_out(cloud: Cloud) -> None:
    open_page = visitor(cloud, cloud.token(role="admin"))
    signed_in, now = open_page.session, cloud.services.now()
    with cloud.services.database.begin() as session:
        ended_sessions.end(session, signed_in.id, expires_at=signed_in.expires_at, now=now)
    with pytest.raises(UnauthenticatedError, match="signed out"):
        asyncio.run(open_page.call(devices.list_devices, page=PageQuery()))


def test_changing_tenants_makes_no_session_longer(cloud: Cloud, site: TestClient) -> None:
    for tenant in ("beta", "acme"):
        sign_in(site, cloud.token(tenant, "viewer"))
    for tenant in ("beta", "acme"):
        cloud.clock.advance(timedelta(hours=5))
        site.post("/ui/tenant", data={"tenant": tenant}, headers=HERE)
        assert site.get("/ui/fleet").json() == f"{tenant} viewer"
    cloud.clock.advance(timedelta(hours=2))
    assert site.get("/ui/fleet").status_code == 303


def test_a_second_token_of_the_same_tenant_takes_the_first_one_s_place(cloud: Cloud, site: TestClient) -> None:
    sign_in(site, cloud.token("acme", "admin"))
    sign_in(site, cloud.token("acme", "viewer"))
    site.post("/ui/tenant", data={"tenant": "acme"}, headers=HERE)
    assert site.get("/ui/fleet").json() == "acme viewer"


def test_what_is_no_tenant_s_token_opens_nothing(cloud: Cloud, site: TestClient) -> None:
    for token, says in (("roost_nonsense", "no token of ours"), (cloud.token(None), "platform")):
        refused = sign_in(site, token)
        assert refused.status_code == 401
        assert says in refused.text
        assert "set-cookie" not in refused.headers


@pytest.mark.parametrize(
    "after", ["https://evil.example/", "//evil.example", "/ui//evil.example", "/ui/\\evil", "/api"]
)
def test_nobody_is_led_to_another_site(cloud: Cloud, site: TestClient, after: str) -> None:
    assert sign_in(site, cloud.token(), after).headers["location"] == "/ui/"


def test_a_session_ends_with_its_token(cloud: Cloud, site: TestClient) -> None:
    token = cloud.token(role="viewer")
    sign_in(site, token)
    assert site.get("/ui/fleet").status_code == 200
    with cloud.services.database.begin() as session:
        tokens.revoke(session, "acme", identity(token), actor="test", now=cloud.services.now())
    assert site.get("/ui/fleet").status_code == 303


def test_another_site_can_sign_nobody_in_or_out(cloud: Cloud, site: TestClient) -> None:
    there = {"Origin": "https://evil.example"}
    token = {"token": cloud.token()}
    assert site.post("/ui/sign-in", data=token, headers=there).status_code == 403
    assert site.post("/ui/sign-in", data=token).status_code == 403
    sign_in(site, token["token"])
    assert site.post("/ui/sign-out", headers=there).status_code == 403
    assert site.get("/ui/fleet").status_code == 200


def test_the_cookie_is_no_good_at_the_api(cloud: Cloud, site: TestClient) -> None:
    sign_in(site, cloud.token())
    cookie = site.cookies[COOKIE]
    for headers in ({"Cookie": f"{COOKIE}={cookie}"}, {"Authorization": f"Bearer {cookie}"}):
        assert cloud.client.get("/api/v1/devices", headers=headers).status_code == 401


def test_a_picture_is_shown_to_its_tenant_alone(cloud: Cloud, site: TestClient) -> None:
    cloud.tenant("acme")
    stock_input(cloud.services, "acme", "cam-01", "s1", PICTURE)
    sign_in(site, cloud.token(role="viewer"))
    assert site.get("/ui/pictures/cam-01/s1").headers["content-type"] == "image/jpeg"
    sign_in(site, cloud.token("other"))
    assert site.get("/ui/pictures/cam-01/s1").status_code == 404


def test_a_page_may_what_its_visitor_may(cloud: Cloud) -> None:
    enrolled_device(cloud, "cam-01")
    viewer, operator = (visitor(cloud, cloud.token(role=role)) for role in ("viewer", "operator"))
    body = DeviceChanges(labels={"site": "north"})
    assert (viewer.may(devices.list_devices), viewer.may(devices.relabel_device)) == (True, False)
    assert (operator.may(devices.relabel_device), operator.may(devices.delete_device)) == (True, False)
    with pytest.raises(ForbiddenError):
        asyncio.run(viewer.call(devices.relabel_device, device="cam-01", body=body))
    assert (asyncio.run(operator.call(devices.relabel_device, device="cam-01", body=body))).labels == {"site": "north"}
    found = asyncio.run(viewer.call(devices.list_devices, page=PageQuery(), named="m-0"))
    assert [one.device for one in found.items] == ["cam-01"]
    assert not (asyncio.run(viewer.call(devices.list_devices, page=PageQuery(), named="%"))).items


def test_a_page_that_stands_open_may_nothing_once_the_token_is_revoked(cloud: Cloud) -> None:
    token = cloud.token(role="admin")
    open_page = visitor(cloud, token)
    with cloud.services.database.begin() as session:
        tokens.revoke(session, "acme", identity(token), actor="test", now=cloud.services.now())
    with pytest.raises(UnauthenticatedError):
        asyncio.run(open_page.call(devices.list_devices, page=PageQuery()))


def test_a_handler_of_the_platform_s_is_no_page_s(cloud: Cloud) -> None:
    with pytest.raises((StopIteration, KeyError)):
        visitor(cloud, cloud.token(role="admin")).may(tenants.list_tenants)
