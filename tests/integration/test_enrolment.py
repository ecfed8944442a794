"""From a token to a device, through the HTTP API, on both databases."""

import concurrent.futures
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from sqlalchemy import func, select

from roost_cloud.db.tables import AuditEntry, Certificate, Device, DeviceLabel
from roost_cloud.services import Services
from roost_shared.digest import digest_of
from tests.support.cloud import Cloud
from tests.support.fleet import API, FleetDevice, code_of, enrolled_device, enrolment
from tests.support.fleet_certificates import signing_request
from tests.support.trust import TrustPeople

REFUSED = (401, "enrolment.refused")


def device_row(services: Services, name: str = "cam-01", tenant: str = "acme") -> Device | None:
    with services.database.read() as session:
        return session.get(Device, (tenant, name))


def actions(cloud: Cloud, tenant: str = "acme") -> list[tuple[str, str, str]]:
    with cloud.services.database.read() as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.tenant == tenant).order_by(AuditEntry.id))
        return [(row.actor, row.action, row.subject) for row in rows if row.action.startswith(("device", "enrolment"))]


@pytest.mark.one_database
def test_root_certificate_is_there_for_everybody_and_is_what_a_token_names(cloud: Cloud) -> None:
    response = cloud.client.get(f"{API}/ca")
    assert (response.status_code, response.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    root = x509.load_pem_x509_certificate(response.content)
    der = root.public_bytes(Encoding.DER)
    assert enrolment(cloud).ca == f"sha256:{sha256(der).hexdigest()}"


def test_token_makes_its_device_with_labels_certificate_and_audit(cloud: Cloud) -> None:
    token = enrolment(cloud, labels={"site": "north", "line": "3"})
    response = FleetDevice(cloud.client).enrol(token)
    assert response.status_code == 201
    answer = response.json()
    assert (answer["tenant"], answer["device"], answer["broker"]) == ("acme", "cam-01", None)
    leaf, issuer = x509.load_pem_x509_certificates(answer["certificate_pem"].encode())
    assert leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "acme/d/cam-01"
    leaf.verify_directly_issued_by(issuer)
    assert answer["ca_pem"] == cloud.client.get(f"{API}/ca").text
    assert datetime.fromisoformat(answer["expires_at"]) == leaf.not_valid_after_utc
    with cloud.services.database.read() as session:
        labels = {row.key: row.value for row in session.scalars(select(DeviceLabel))}
        certificate = session.scalars(select(Certificate)).one()
    assert labels == {"site": "north", "line": "3"}
    assert int(certificate.serial, 16) == leaf.serial_number
    assert actions(cloud)[1:] == [(f"enrolment:{token.id}", "device.enrol", "cam-01")]


@pytest.mark.one_database
def test_identity_comes_from_the_token_whatever_the_request_says(cloud: Cloud) -> None:
    device = FleetDevice(cloud.client)
    answer = device.enrol(enrolment(cloud), csr_pem=signing_request(device.key, name="globex/d/other")).json()
    leaf = x509.load_pem_x509_certificates(answer["certificate_pem"].encode())[0]
    assert leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "acme/d/cam-01"


def test_same_key_again_gets_a_certificate_again_and_another_key_none(cloud: Cloud) -> None:
    token = enrolment(cloud)
    device, thief = FleetDevice(cloud.client), FleetDevice(cloud.client)
    first = device.enrol(token).json()
    again = device.enrol(token)
    assert again.status_code == 201
    assert again.json()["certificate_pem"] != first["certificate_pem"]
    assert code_of(thief.enrol(token)) == REFUSED
    assert device.sign_in().status_code == 201
    assert code_of(thief.sign_in())[0] == 401


def test_token_is_good_until_its_end_and_not_after(cloud: Cloud) -> None:
    token = enrolment(cloud, expires_in_s=3600)
    device = FleetDevice(cloud.client)
    cloud.clock.advance(timedelta(seconds=3599))
    assert device.enrol(token).status_code == 201
    cloud.clock.advance(timedelta(seconds=1))
    assert code_of(device.enrol(token)) == REFUSED


@pytest.mark.one_database
def test_unknown_token_and_wrong_secret_are_refused_alike(cloud: Cloud) -> None:
    token = enrolment(cloud)
    wrong = [msgspec.structs.replace(token, id="0" * 16), msgspec.structs.replace(token, secret="wrong")]
    answers = [FleetDevice(cloud.client).enrol(each) for each in wrong]
    assert {code_of(answer) for answer in answers} == {REFUSED}
    assert answers[0].json() == answers[1].json()
    assert device_row(cloud.services) is None


def test_revoked_token_lets_nobody_in_and_leaves_who_came_in(cloud: Cloud) -> None:
    unused, used = enrolment(cloud), enrolment(cloud, "cam-02")
    device = FleetDevice(cloud.client, device="cam-02")
    device.enrol(used)
    headers = cloud.headers(role="operator")
    for token in (unused, used, used):
        assert cloud.client.delete(f"{API}/enrolments/{token.id}", headers=headers).status_code == 204
    assert code_of(FleetDevice(cloud.client).enrol(unused)) == REFUSED
    assert code_of(device.enrol(used)) == REFUSED
    assert device.sign_in().status_code == 201


def test_device_that_is_there_is_a_conflict_when_the_token_is_made_and_when_it_is_used(cloud: Cloud) -> None:
    first, second = enrolment(cloud), enrolment(cloud)
    assert FleetDevice(cloud.client).enrol(first).status_code == 201
    late = FleetDevice(cloud.client)
    assert code_of(late.enrol(second)) == (409, "conflict")
    response = cloud.client.post(f"{API}/enrolments", json={"device": "cam-01"}, headers=cloud.headers())
    assert code_of(response) == (409, "conflict")


def test_lost_device_is_replaced_and_its_key_ends(cloud: Cloud) -> None:
    lost = enrolled_device(cloud, labels={"site": "north"})
    headers = lost.headers()
    found = FleetDevice(cloud.client)
    assert found.enrol(enrolment(cloud, replace=True)).status_code == 201
    assert code_of(lost.sign_in())[0] == 401
    assert lost.renew(headers).status_code == 401
    assert found.sign_in().json()["scope"] == "device"
    shown = cloud.client.get(f"{API}/devices/cam-01", headers=cloud.headers()).json()
    assert (shown["labels"], shown["status"], shown["state"]) == ({"site": "north"}, "enrolled", "never")
    assert "device.replace" in [action for _, action, _ in actions(cloud)]


def test_replacement_takes_the_labels_that_come_with_it(cloud: Cloud) -> None:
    enrolled_device(cloud, labels={"site": "north", "line": "3"})
    assert FleetDevice(cloud.client).enrol(enrolment(cloud, replace=True, labels={"site": "south"})).status_code == 201
    shown = cloud.client.get(f"{API}/devices/cam-01", headers=cloud.headers()).json()
    assert shown["labels"] == {"site": "south"}


def test_token_that_was_used_is_no_way_back_for_a_device_replaced_since(cloud: Cloud) -> None:
    token = enrolment(cloud)
    lost = FleetDevice(cloud.client)
    lost.enrol(token)
    assert FleetDevice(cloud.client).enrol(enrolment(cloud, replace=True)).status_code == 201
    assert code_of(lost.enrol(token)) == REFUSED


def test_revoked_device_comes_back_only_by_a_token_made_afterwards_to_replace_it(cloud: Cloud) -> None:
    first, before = enrolment(cloud), enrolment(cloud, replace=True)
    device, headers = FleetDevice(cloud.client), cloud.headers()
    device.enrol(first)
    assert cloud.client.post(f"{API}/devices/cam-01/revoke", headers=headers).status_code == 200
    assert code_of(device.enrol(first)) == REFUSED
    assert code_of(FleetDevice(cloud.client).enrol(before)) == REFUSED
    assert cloud.client.post(f"{API}/enrolments", json={"device": "cam-01"}, headers=headers).status_code == 409
    assert FleetDevice(cloud.client).enrol(enrolment(cloud, replace=True)).status_code == 201
    row = device_row(cloud.services)
    assert row is not None
    assert (row.status, row.revoked_at) == ("enrolled", None)


def test_of_two_keys_that_race_for_one_token_one_wins(cloud: Cloud) -> None:
    token = enrolment(cloud)
    racers = [FleetDevice(cloud.client) for _ in range(4)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(lambda racer: racer.enrol(token).status_code, racers))
    assert statuses == [201, 401, 401, 401]
    with cloud.services.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Certificate)) == 1


def test_of_two_tokens_that_race_for_one_device_one_wins(cloud: Cloud) -> None:
    racers = [(FleetDevice(cloud.client), enrolment(cloud)) for _ in range(4)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(lambda pair: pair[0].enrol(pair[1]).status_code, racers))
    assert statuses == [201, 409, 409, 409]


def test_one_device_may_ask_for_so_many_certificates_a_day(cloud: Cloud) -> None:
    token = enrolment(cloud, expires_in_s=3 * 86_400)
    device = FleetDevice(cloud.client)
    assert {device.enrol(token).status_code for _ in range(24)} == {201}
    assert code_of(device.enrol(token)) == (409, "certificate.too_many")
    cloud.clock.advance(timedelta(days=1))
    assert device.enrol(token).status_code == 201


def test_tokens_are_listed_newest_first_in_pages_without_their_secrets(cloud: Cloud) -> None:
    open_, used, revoked, expired = (
        enrolment(cloud, name, expires_in_s=seconds)
        for name, seconds in (("a", 9000), ("b", 9000), ("c", 9000), ("d", 60))
    )
    FleetDevice(cloud.client, device="b").enrol(used)
    headers = cloud.headers(role="operator")
    cloud.client.delete(f"{API}/enrolments/{revoked.id}", headers=headers)
    cloud.clock.advance(timedelta(seconds=60))
    newest = enrolment(cloud, "e")
    viewer = cloud.headers(role="viewer")
    items, after = [], None
    while True:
        params = {"limit": 2} | ({"after": after} if after else {})
        page = cloud.client.get(f"{API}/enrolments", params=params, headers=viewer).json()
        items += page["items"]
        after = page["next"]
        if after is None:
            break
    assert items[0]["id"] == newest.id
    assert {item["id"]: item["status"] for item in items} == {
        open_.id: "open",
        used.id: "used",
        revoked.id: "revoked",
        expired.id: "expired",
        newest.id: "open",
    }
    assert not any(open_.secret in str(item) for item in items)


@pytest.mark.one_database
def test_token_for_what_cannot_be_a_device_is_refused(cloud: Cloud) -> None:
    cases: list[tuple[dict[str, object], str]] = [
        ({"device": "Cam 1"}, "request.invalid"),
        ({"device": "a" * 60}, "identity.too_long"),
        ({"device": "cloud.1a2b"}, "name.invalid"),
        ({"device": "cam-01", "labels": {"Site": "north"}}, "label.invalid"),
        ({"device": "cam-01", "labels": {"site": ""}}, "label.invalid"),
        ({"device": "cam-01", "labels": {f"k{number}": "v" for number in range(65)}}, "label.invalid"),
        ({"device": "cam-01", "expires_in_s": 0}, "request.invalid"),
        ({"device": "cam-01", "expires_in_s": 10**12}, "request.invalid"),
    ]
    headers = cloud.headers()
    for body, code in cases:
        assert code_of(cloud.client.post(f"{API}/enrolments", json=body, headers=headers)) == (422, code), body


@pytest.mark.one_database
def test_viewer_makes_no_token_and_another_tenant_sees_none(cloud: Cloud) -> None:
    token = enrolment(cloud)
    response = cloud.client.post(f"{API}/enrolments", json={"device": "x"}, headers=cloud.headers(role="viewer"))
    assert code_of(response) == (403, "auth.forbidden")
    others = cloud.headers("globex")
    assert cloud.client.get(f"{API}/enrolments", headers=others).json()["items"] == []
    assert cloud.client.get(f"{API}/enrolments?after={token.id}", headers=others).status_code == 404
    assert cloud.client.delete(f"{API}/enrolments/{token.id}", headers=others).status_code == 404
    assert FleetDevice(cloud.client).enrol(token).status_code == 201


def test_same_name_in_two_tenants_is_two_devices(cloud: Cloud) -> None:
    ours, theirs = enrolled_device(cloud, tenant="acme"), enrolled_device(cloud, tenant="globex")
    assert ours.sign_in().status_code == theirs.sign_in().status_code == 201
    ours.tenant = "globex"
    assert ours.sign_in().status_code == 401


def test_times_are_told_in_utc(cloud: Cloud) -> None:
    response = cloud.client.post(f"{API}/enrolments", json={"device": "cam-01"}, headers=cloud.headers())
    assert response.json()["expires_at"] == "2026-11-25T12:00:00Z"
    assert datetime(2026, 11, 25, 12, tzinfo=UTC) == cloud.services.now() + timedelta(days=1)


@pytest.mark.one_database
def test_a_token_pins_the_root_of_trust_there_was_when_it_was_made(cloud: Cloud) -> None:
    assert enrolment(cloud).tuf is None
    people = TrustPeople(cloud)
    people.begin()
    token = enrolment(cloud, "cam-02")
    assert token.tuf == digest_of(people.root_bytes)
    next_root = people.next_root()
    people.accept("root", next_root)
    assert FleetDevice(cloud.client, device="cam-02").enrol(token).json()["trust_root"].encode() == people.root_bytes
    assert enrolment(cloud, "cam-03").tuf == digest_of(next_root)


@pytest.mark.one_database
def test_the_same_token_gets_the_same_root_again(cloud: Cloud) -> None:
    people = TrustPeople(cloud)
    people.begin()
    token, device = enrolment(cloud), FleetDevice(cloud.client)
    first, again = device.enrol(token), device.enrol(token)
    assert first.json()["trust_root"] == again.json()["trust_root"] == people.root_bytes.decode()


@pytest.mark.one_database
def test_a_token_from_before_there_was_trust_pins_nothing(cloud: Cloud) -> None:
    token = enrolment(cloud)
    TrustPeople(cloud).begin()
    assert FleetDevice(cloud.client).enrol(token).json()["trust_root"] is None
