"""Tenants, tokens and the record of changes, by the API."""

from datetime import timedelta
from typing import Any

import pytest

from roost_cloud.errors import ConflictError, UnauthenticatedError
from roost_cloud.people import tenants, tokens
from tests.support.cloud import Cloud
from tests.support.fleet import API, code_of


def test_a_token_says_who_it_is(cloud: Cloud) -> None:
    for tenant, role in (("acme", "viewer"), ("acme", "admin"), (None, "operator")):
        said = cloud.client.get(f"{API}/whoami", headers=cloud.headers(tenant, role)).json()  # type: ignore[arg-type]  # a pair of literals
        assert (said["tenant"], said["role"]) == (tenant, role)
        assert said["name"].startswith("token:")


def test_a_token_ends_when_it_is_said_to(cloud: Cloud) -> None:
    headers = {"Authorization": f"Bearer {cloud.token(lifetime=timedelta(hours=1))}"}
    cloud.clock.advance(timedelta(minutes=59))
    assert cloud.client.get(f"{API}/whoami", headers=headers).status_code == 200
    cloud.clock.advance(timedelta(minutes=1))
    assert code_of(cloud.client.get(f"{API}/whoami", headers=headers)) == (401, "auth.unauthenticated")


def test_a_token_made_to_last_expires(cloud: Cloud) -> None:
    body = {"name": "CI", "role": "operator", "expires_in_s": 60}
    made = cloud.client.post(f"{API}/tokens", json=body, headers=cloud.headers()).json()
    assert made["expires_at"] == "2026-11-24T12:01:00Z"
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert cloud.client.get(f"{API}/whoami", headers=headers).json()["role"] == "operator"
    cloud.clock.advance(timedelta(seconds=60))
    assert cloud.client.get(f"{API}/whoami", headers=headers).status_code == 401


def test_a_revoked_token_is_out_at_once_and_twice_is_no_error(cloud: Cloud) -> None:
    admin = cloud.headers()
    made = cloud.client.post(f"{API}/tokens", json={"name": "x", "role": "viewer"}, headers=admin).json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    for _ in range(2):
        assert cloud.client.delete(f"{API}/tokens/{made['id']}", headers=admin).status_code == 204
    assert code_of(cloud.client.get(f"{API}/whoami", headers=headers)) == (401, "auth.unauthenticated")
    actions = [entry["action"] for entry in cloud.client.get(f"{API}/audit", headers=admin).json()["items"]]
    assert actions.count("token.revoke") == 1


def test_anybody_may_revoke_their_own_token_and_only_admins_others(cloud: Cloud) -> None:
    viewer, other = ({"Authorization": f"Bearer {cloud.token(role='viewer')}"} for _ in range(2))
    mine, theirs = (
        cloud.client.get(f"{API}/whoami", headers=headers).json()["name"].removeprefix("token:")
        for headers in (viewer, other)
    )
    assert cloud.client.delete(f"{API}/tokens/{theirs}", headers=viewer).status_code == 403
    assert cloud.client.delete(f"{API}/tokens/{mine}", headers=viewer).status_code == 204
    assert cloud.client.get(f"{API}/whoami", headers=viewer).status_code == 401
    assert cloud.client.get(f"{API}/whoami", headers=other).status_code == 200


def test_an_admins_token_is_of_their_own_tenant_whatever_they_ask(cloud: Cloud) -> None:
    body = {"name": "sneaky", "role": "admin", "tenant": None}
    made = cloud.client.post(f"{API}/tokens", json=body, headers=cloud.headers("acme")).json()
    said = cloud.client.get(f"{API}/whoami", headers={"Authorization": f"Bearer {made['token']}"}).json()
    assert said["tenant"] == "acme"


@pytest.mark.one_database
@pytest.mark.parametrize(
    "body",
    [
        {"name": "", "role": "viewer"},
        {"name": "a\0b", "role": "viewer"},
        {"name": "two\nlines", "role": "viewer"},
        {"name": "x" * 201, "role": "viewer"},
        {"name": "x", "role": "king"},
        {"name": "x", "role": "viewer", "expires_in_s": 0},
        {"name": "x", "role": "viewer", "expires_in_s": 1e300},
        {"name": "x", "role": "viewer", "expires_in_s": "NaN"},
        {"role": "viewer"},
        [],
    ],
)
def test_a_token_that_cannot_be_is_refused(cloud: Cloud, body: Any) -> None:
    response = cloud.client.post(f"{API}/tokens", json=body, headers=cloud.headers())
    assert code_of(response) == (422, "request.invalid")


def test_pages_of_tokens_hold_each_once_the_newest_first(cloud: Cloud) -> None:
    headers = cloud.headers()
    for number in range(7):
        cloud.clock.advance(timedelta(seconds=number % 2))  # some of the same moment
        cloud.client.post(f"{API}/tokens", json={"name": f"t{number}", "role": "viewer"}, headers=headers)
    whole = cloud.client.get(f"{API}/tokens", headers=headers).json()["items"]
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = cloud.client.get(f"{API}/tokens", params={"limit": "3", **after}, headers=headers).json()
        found += page["items"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert found == whole
    assert len(found) == 8
    assert [one["created_at"] for one in found] == sorted((one["created_at"] for one in found), reverse=True)


def test_when_a_token_was_last_used_is_known_to_the_minute(cloud: Cloud) -> None:
    headers = cloud.headers()

    def last_used() -> str:
        (token,) = cloud.client.get(f"{API}/tokens", headers=headers).json()["items"]
        return str(token["last_used_at"])

    last_used()
    cloud.clock.advance(timedelta(seconds=59))
    assert last_used() == "2026-11-24T12:00:00Z"
    cloud.clock.advance(timedelta(seconds=1))
    assert last_used() == "2026-11-24T12:01:00Z"


def test_a_tenants_name_is_used_once(cloud: Cloud) -> None:
    headers = cloud.headers(None)
    assert cloud.client.post(f"{API}/tenants", json={"name": "zeta"}, headers=headers).status_code == 201
    again = cloud.client.post(f"{API}/tenants", json={"name": "zeta"}, headers=headers)
    assert code_of(again) == (409, "conflict")
    for name in ("", "Zeta", "a/b", "+", "x" * 64, "zeta\n"):
        refused = cloud.client.post(f"{API}/tenants", json={"name": name}, headers=headers)
        assert code_of(refused) == (422, "request.invalid"), name


def test_what_two_transactions_make_at_once_is_a_conflict_for_one(cloud: Cloud) -> None:
    with cloud.services.database.begin() as session:
        tenants.create(session, "eta", actor="test", now=cloud.services.now())
    with pytest.raises(ConflictError), cloud.services.database.begin() as session:
        tenants.create(session, "eta", actor="test", now=cloud.services.now())


@pytest.mark.one_database
def test_text_that_is_no_token_is_nobody(cloud: Cloud) -> None:
    token = cloud.token()
    for text in ("", "roost_", token + "x", token.upper(), token.replace("_", "-"), "roost_" + 500 * "a", "ä\0"):
        with pytest.raises(UnauthenticatedError), cloud.services.database.read() as session:
            tokens.authenticate(session, text, cloud.services.now())


@pytest.mark.one_database
def test_a_body_that_is_too_large_is_refused(cloud: Cloud) -> None:
    body = b'{"name": "' + b"x" * (4 << 20) + b'"}'
    headers = {**cloud.headers(None), "Content-Type": "application/json"}
    response = cloud.client.post(f"{API}/tenants", content=body, headers=headers)
    assert code_of(response) == (413, "request.too_large")


@pytest.mark.one_database
def test_a_body_that_is_no_json_is_refused(cloud: Cloud) -> None:
    for body in (b"{", b"\xff\xfe", b"[" * 100_000, b'{"name": ' + b"9" * 5000 + b"}"):
        headers = {**cloud.headers(None), "Content-Type": "application/json"}
        response = cloud.client.post(f"{API}/tenants", content=body, headers=headers)
        assert response.status_code in (400, 422), body[:20]
        assert response.json()["error"]["code"] in ("request.no_json", "http.bad_request", "request.invalid")
