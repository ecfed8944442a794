"""Devices as people see and change them, through the HTTP API, on both databases."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

import msgspec
import pytest
from cryptography import x509
from sqlalchemy import select

from roost_cloud.db.tables import AuditEntry, Device, DeviceLabel
from roost_cloud.fleet.revocations import read_document
from tests.support.cloud import Cloud
from tests.support.fleet import API, FleetDevice, code_of, enrolled_device, enrolment, with_services


def stocked(cloud: Cloud, count: int, tenant: str = "acme") -> None:
    """Devices by the dozen, with labels: dev-000, dev-001…"""
    cloud.tenant(tenant)
    now = cloud.services.now()
    states = ("online", "offline", "never")
    with cloud.services.database.begin() as session:
        for number in range(count):
            name = f"dev-{number:03}"
            session.add(Device(tenant=tenant, name=name, enrolled_at=now, state=states[number % 3]))
        session.flush()
        for number in range(count):
            for key, value in {"site": "ab"[number % 2], "line": str(number % 5)}.items():
                session.add(DeviceLabel(tenant=tenant, device=f"dev-{number:03}", key=key, value=value))


def listed(cloud: Cloud, tenant: str = "acme", **params: Any) -> dict[str, Any]:
    response = cloud.client.get(f"{API}/devices", params=params, headers=cloud.headers(tenant, "viewer"))
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def names(page: dict[str, Any]) -> list[str]:
    return [item["device"] for item in page["items"]]


def test_pages_hold_every_device_once_and_in_order(cloud: Cloud) -> None:
    stocked(cloud, 25)
    seen: list[str] = []
    after: dict[str, str] = {}
    for _ in range(3):
        page = listed(cloud, limit=10, **after)
        seen += names(page)
        after = {"after": page["next"]}
    assert page["next"] is None
    assert seen == [f"dev-{number:03}" for number in range(25)]


def test_labels_select_and_all_must_match(cloud: Cloud) -> None:
    stocked(cloud, 30)
    assert names(listed(cloud, label="site=a")) == [f"dev-{number:03}" for number in range(0, 30, 2)]
    assert names(listed(cloud, label=["site=a", "line=4"])) == ["dev-004", "dev-014", "dev-024"]
    assert names(listed(cloud, label=["site=a", "line=4"], after="dev-004", limit=1)) == ["dev-014"]
    assert names(listed(cloud, label=["site=a", "site=b"])) == []
    assert names(listed(cloud, label=["site=a", "site=a"], limit=1)) == ["dev-000"]
    assert names(listed(cloud, label="floor=1")) == []
    assert names(listed(cloud, label="site=a", state="online")) == [f"dev-{number:03}" for number in range(0, 30, 6)]
    assert names(listed(cloud, state="never", limit=2)) == ["dev-002", "dev-005"]


def test_device_shows_what_is_known_of_it(cloud: Cloud) -> None:
    enrolled_device(cloud, labels={"site": "north"})
    shown = cloud.client.get(f"{API}/devices/cam-01", headers=cloud.headers(role="viewer")).json()
    assert shown == {
        "device": "cam-01",
        "labels": {"site": "north"},
        "status": "enrolled",
        "state": "never",
        "last_seen": None,
        "boot": None,
        "session": None,
        "agent_version": None,
        "problem": None,
        "certificate_expires_at": "2027-02-22T12:00:00Z",
        "enrolled_at": "2026-11-24T12:00:00Z",
        "assignment": 0,
        "following": "none",
    }
    assert listed(cloud)["items"] == [shown]


def test_labels_are_set_changed_and_removed_and_the_audit_says_so(cloud: Cloud) -> None:
    enrolled_device(cloud, labels={"site": "north", "line": "3"})
    headers = cloud.headers(role="operator")
    changes = {"labels": {"site": "south", "line": None, "floor": "2 ½", "none": None}}
    response = cloud.client.patch(f"{API}/devices/cam-01", json=changes, headers=headers)
    assert (response.status_code, response.json()["labels"]) == (200, {"floor": "2 ½", "site": "south"})
    assert names(listed(cloud, label="floor=2 ½")) == ["cam-01"]
    assert names(listed(cloud, label="site=north")) == []
    with cloud.services.database.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "device.label")).one()
    assert entry.subject == "cam-01"
    assert entry.detail == {"labels": {"site": "south", "line": None, "floor": "2 ½"}}


@pytest.mark.one_database
def test_labels_that_cannot_be_are_refused_whole(cloud: Cloud) -> None:
    enrolled_device(cloud, labels={"site": "north"})
    headers = cloud.headers(role="operator")
    for labels in (
        {"floor": "2", "Site": "x"},
        {"floor": "2", "site": "line\nend"},
        {"floor": "2", "site": "nul\0"},
        {"floor": "2", "site": "x" * 256},
        {"floor": "2", "nul\0": None},
        {f"k{number}": "v" for number in range(64)},
    ):
        response = cloud.client.patch(f"{API}/devices/cam-01", json={"labels": labels}, headers=headers)
        assert code_of(response) == (422, "label.invalid")
    assert listed(cloud)["items"][0]["labels"] == {"site": "north"}
    full = {"labels": {"site": None} | {f"k{number}": "v" for number in range(63)}}
    assert cloud.client.patch(f"{API}/devices/cam-01", json=full, headers=headers).status_code == 200


@pytest.mark.one_database
def test_query_that_cannot_be_is_refused(cloud: Cloud) -> None:
    headers = cloud.headers(role="viewer")
    for query in ("label=site", "label=Site=a", "label=site=", "label=a%00=b", "state=lost", "limit=0", "limit=1001"):
        assert cloud.client.get(f"{API}/devices?{query}", headers=headers).status_code == 422, query
    many = "&".join(f"label=k{number}=v" for number in range(17))
    assert cloud.client.get(f"{API}/devices?{many}", headers=headers).status_code == 422


def test_revoked_device_is_out_and_is_cut_off(cloud: Cloud) -> None:
    device = enrolled_device(cloud)
    cut: list[str] = []
    with_services(cloud, cut_off=cut.append)
    headers = cloud.headers(role="operator")
    for _ in range(2):
        response = cloud.client.post(f"{API}/devices/cam-01/revoke", headers=headers)
        assert response.status_code == 200
        assert (response.json()["status"], response.json()["certificate_expires_at"]) == ("revoked", None)
    assert cut == ["acme/d/cam-01", "acme/d/cam-01"]
    assert device.sign_in().status_code == 401
    with cloud.services.database.read() as session:
        assert len(session.scalars(select(AuditEntry).where(AuditEntry.action == "device.revoke")).all()) == 1


def test_device_goes_only_once_it_is_revoked_and_by_an_admin(cloud: Cloud) -> None:
    enrolled_device(cloud, labels={"site": "north"})
    admin, operator = cloud.headers(), cloud.headers(role="operator")
    assert code_of(cloud.client.delete(f"{API}/devices/cam-01", headers=admin)) == (409, "conflict")
    cloud.client.post(f"{API}/devices/cam-01/revoke", headers=operator)
    assert code_of(cloud.client.delete(f"{API}/devices/cam-01", headers=operator)) == (403, "auth.forbidden")
    assert cloud.client.delete(f"{API}/devices/cam-01", headers=admin).status_code == 204
    assert code_of(cloud.client.get(f"{API}/devices/cam-01", headers=admin)) == (404, "not_found")
    assert listed(cloud, label="site=north")["items"] == []
    enrolled_device(cloud)


def test_broker_hears_of_what_is_revoked_until_it_runs_out(cloud: Cloud) -> None:
    device, lost = enrolled_device(cloud), enrolled_device(cloud, tenant="globex")
    enrolled_device(cloud, "cam-02")
    platform = cloud.headers(None)

    def document() -> Any:
        return read_document(cloud.client.get(f"{API}/broker/revocations", headers=platform).content)

    before = document()
    assert (before.revoked, before.withdrawn) == ([], [])
    cloud.client.post(f"{API}/devices/cam-01/revoke", headers=cloud.headers())
    assert (
        FleetDevice(cloud.client, "globex").enrol(enrolment(cloud, tenant="globex", replace=True)).status_code == 201
    )
    after = document()
    assert after.revoked == ["acme/d/cam-01"]
    assert sorted(each.identity for each in after.withdrawn) == ["acme/d/cam-01", "globex/d/cam-01"]
    assert after.version != before.version
    serials = {int(each.serial, 16) for each in after.withdrawn}
    assert serials == {entry.serial_number for crl in crls(after.crl_pem) for entry in crl}
    assert document().version == after.version
    cloud.client.delete(f"{API}/devices/cam-01", headers=cloud.headers())
    assert len(document().withdrawn) == 2
    cloud.clock.advance(timedelta(days=91))
    assert document().withdrawn == []
    assert (device.sign_in().status_code, lost.sign_in().status_code) == (401, 401)


def crls(pem: str) -> list[x509.CertificateRevocationList]:
    end = "-----END X509 CRL-----\n"
    return [x509.load_pem_x509_crl((part + end).encode()) for part in pem.split(end) if part]


@pytest.mark.one_database
def test_broker_is_told_to_the_platform_only(cloud: Cloud) -> None:
    for headers, status in ((cloud.headers(), 403), ({}, 401)):
        assert cloud.client.get(f"{API}/broker/revocations", headers=headers).status_code == status


@pytest.mark.one_database
def test_another_tenants_device_is_not_there(cloud: Cloud) -> None:
    enrolled_device(cloud, labels={"site": "north"})
    others = cloud.headers("globex")
    path = f"{API}/devices/cam-01"
    changes = {"labels": {"site": "south"}}
    answers = [
        cloud.client.get(path, headers=others),
        cloud.client.patch(path, json=changes, headers=others),
        cloud.client.post(f"{path}/revoke", headers=others),
        cloud.client.delete(path, headers=others),
    ]
    assert {code_of(answer) for answer in answers} == {(404, "not_found")}
    assert listed(cloud, "globex")["items"] == listed(cloud, "globex", label="site=north")["items"] == []
    assert listed(cloud)["items"][0]["labels"] == {"site": "north"}
    platform = cloud.headers(None)
    assert code_of(cloud.client.get(path, headers=platform)) == (403, "auth.forbidden")


@pytest.mark.one_database
def test_viewer_changes_nothing(cloud: Cloud) -> None:
    enrolled_device(cloud)
    viewer = cloud.headers(role="viewer")
    path = f"{API}/devices/cam-01"
    answers = [
        cloud.client.patch(path, json={"labels": {}}, headers=viewer),
        cloud.client.post(f"{path}/revoke", headers=viewer),
        cloud.client.delete(path, headers=viewer),
    ]
    assert {answer.status_code for answer in answers} == {403}


def test_device_is_told_of_the_broker_and_lets_itself_in_by_certificate(cloud: Cloud) -> None:
    with_broker(cloud, broker_url="mqtts://inside:8883", device_broker_url="mqtts://roost.example:8883")
    device = FleetDevice(cloud.client)
    expected = {"url": "mqtts://roost.example:8883", "username": None, "password": None}
    assert device.enrol(enrolment(cloud)).json()["broker"] == expected
    assert device.renew(device.headers()).json()["broker"] == expected


@pytest.mark.one_database
def test_device_is_not_told_by_what_password_the_cloud_enters_the_broker(cloud: Cloud) -> None:
    with_broker(cloud, broker_url="mqtts://roost-cloud:s3cret@roost.example:8883")
    answer = FleetDevice(cloud.client).enrol(enrolment(cloud))
    assert answer.json()["broker"]["url"] == "mqtts://roost.example:8883"
    assert "s3cret" not in answer.text


def test_embedded_brokers_device_gets_a_password_of_which_a_hash_is_kept(cloud: Cloud) -> None:
    with_broker(cloud, broker_url="mqtt://127.0.0.1:1883", embedded=True)
    token, device = enrolment(cloud), FleetDevice(cloud.client)
    first, again = (device.enrol(token).json()["broker"] for _ in range(2))
    assert first["username"] == again["username"] == "acme/d/cam-01"
    assert first["password"] != again["password"]
    assert kept_secret(cloud) == sha256(again["password"].encode()).hexdigest()
    assert device.renew(device.headers()).json()["broker"] is None
    assert kept_secret(cloud) == sha256(again["password"].encode()).hexdigest()
    cloud.client.post(f"{API}/devices/cam-01/revoke", headers=cloud.headers())
    assert kept_secret(cloud) is None


def with_broker(cloud: Cloud, **settings: Any) -> None:
    with_services(cloud, settings=msgspec.structs.replace(cloud.services.settings, **settings))


def kept_secret(cloud: Cloud) -> str | None:
    with cloud.services.database.read() as session:
        return session.scalars(select(Device.broker_secret_sha256)).one()
