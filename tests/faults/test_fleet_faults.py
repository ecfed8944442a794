"""What the fleet's routes do when the database goes, the disk is full, clocks jump, and callers are hostile."""

import base64
import concurrent.futures
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import event, func, select

from roost_cloud.db.tables import AuditEntry, Certificate, Device, EnrolmentToken
from roost_cloud.fleet import certificates
from roost_cloud.services import open_services
from roost_shared.enrolment import EnrolmentToken as TokenText
from tests.support.cloud import Cloud, ManualClock, settings_for
from tests.support.fleet import API, FleetDevice, code_of, enrolled_device, enrolment
from tests.support.fleet_certificates import signing_request
from tests.support.postgres import Postgres


def counts(cloud: Cloud) -> tuple[int, ...]:
    """How much there is of what an enrolment writes."""
    with cloud.services.database.read() as session:
        tables = (Device, Certificate, AuditEntry)
        used = select(func.count()).select_from(EnrolmentToken).where(EnrolmentToken.used_at.is_not(None))
        return (
            *(session.scalar(select(func.count()).select_from(table)) or 0 for table in tables),
            session.scalar(used) or 0,
        )


@contextmanager
def failing_commit(cloud: Cloud) -> Iterator[None]:
    """The next write is rolled back at the last moment, as by a process that ends there."""

    def fail(_: object) -> None:
        raise ZeroDivisionError

    event.listen(cloud.services.database.engine, "commit", fail)
    try:
        yield
    finally:
        event.remove(cloud.services.database.engine, "commit", fail)


@pytest.fixture
def cluster() -> Iterator[Postgres]:
    """A cluster of this test's own, to be stopped."""
    with Postgres() as cluster:
        yield cluster


def test_postgresql_restarted_in_the_middle_costs_a_retry_and_nothing_else(cluster: Postgres, tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "cloud", database_url=cluster.url(cluster.new_database()))
    clock = ManualClock()
    with open_services(settings, clock=clock) as services:
        cloud = Cloud(services, clock)
        with cloud.client:
            device, token = enrolled_device(cloud), enrolment(cloud, "cam-02")
            new, headers, people = FleetDevice(cloud.client, device="cam-02"), device.headers(), cloud.headers()
            before = counts(cloud)
            nonce = device.nonce()
            cluster.stop()
            refused = [
                new.enrol(token),
                device.sign_in(nonce),
                device.renew(headers),
                cloud.client.get(f"{API}/devices", headers=people),
                cloud.client.post(f"{API}/devices/cam-01/revoke", headers=people),
            ]
            assert {code_of(response) for response in refused} == {(503, "database.unavailable")}
            assert all(response.headers["Retry-After"] for response in refused)
            cluster.start()
            assert counts(cloud) == before
            assert new.enrol(token).status_code == 201
            assert device.sign_in(nonce).status_code == 201
            assert device.renew(headers).status_code == 201
            assert cloud.client.get(f"{API}/devices", headers=people).status_code == 200


def test_enrolment_that_breaks_at_its_end_leaves_nothing_and_its_token_good(cloud: Cloud) -> None:
    token, device = enrolment(cloud), FleetDevice(cloud.client)
    before = counts(cloud)
    with failing_commit(cloud):
        assert device.enrol(token).status_code == 500
    assert counts(cloud) == before
    assert device.enrol(token).status_code == 201


def test_full_disk_is_told_and_costs_nothing(newest_sqlite: Path, tmp_path: Path) -> None:
    file = tmp_path / "roost.db"
    file.write_bytes(newest_sqlite.read_bytes())
    clock = ManualClock()
    with open_services(settings_for(tmp_path / "cloud", database_url=f"sqlite:///{file}"), clock=clock) as services:
        cloud = Cloud(services, clock)
        with cloud.client:
            large = {f"k{number}": 255 * "v" for number in range(60)}  # more than there is room for in pages begun
            token, device = enrolment(cloud, labels=large), FleetDevice(cloud.client)
            before = counts(cloud)
            full = True

            def limit(connection: Any, *_: object) -> None:
                pages = "1" if full else str(2**30)
                connection.execute(f"PRAGMA max_page_count={pages}")

            event.listen(services.database.engine, "checkout", limit)
            assert code_of(device.enrol(token)) == (507, "database.full")
            assert counts(cloud) == before
            full = False
            assert device.enrol(token).status_code == 201


def test_many_devices_at_once_all_come_in(cloud: Cloud) -> None:
    tokens = [(FleetDevice(cloud.client, device=f"cam-{n}"), enrolment(cloud, f"cam-{n}")) for n in range(12)]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda pair: pair[0].enrol(pair[1]).status_code, tokens))
        assert statuses == [201] * 12
        assert list(pool.map(lambda pair: pair[0].sign_in().status_code, tokens)) == [201] * 12


def test_one_nonce_shown_many_times_at_once_is_taken_once(cloud: Cloud) -> None:
    device = enrolled_device(cloud)
    nonce = device.nonce()
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(lambda _: device.sign_in(nonce).status_code, range(6)))
    assert statuses == [201, 401, 401, 401, 401, 401]


def test_device_revoked_while_it_renews_has_no_certificate_left(cloud: Cloud) -> None:
    device, people = enrolled_device(cloud), cloud.headers()
    headers = device.headers()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        renewals = [pool.submit(device.renew, headers) for _ in range(3)]
        revoked = pool.submit(cloud.client.post, f"{API}/devices/cam-01/revoke", headers=people)
        assert revoked.result().status_code == 200
        assert {renewal.result().status_code for renewal in renewals} <= {201, 401}
    with cloud.services.database.read() as session:
        assert certificates.certified_keys(session, "acme", "cam-01") == []


def test_clock_that_is_set_back_or_jumps_ahead_costs_a_new_sign_in_and_opens_nothing(cloud: Cloud) -> None:
    device = enrolled_device(cloud)
    cloud.clock.advance(timedelta(days=1))
    nonce, spent, headers = device.nonce(), device.nonce(), device.headers()
    assert device.sign_in(spent).status_code == 201
    cloud.clock.advance(-timedelta(hours=2))
    assert code_of(device.renew(headers)) == (401, "auth.unauthenticated")  # good for too long, by this clock
    assert device.sign_in(nonce).status_code == 401
    assert device.sign_in().status_code == 201
    cloud.clock.advance(timedelta(hours=2))
    assert device.sign_in(spent).status_code == 401
    assert device.renew(headers).status_code == 201
    cloud.clock.advance(timedelta(days=400))
    assert device.sign_in(nonce).status_code == 401
    assert device.sign_in().json()["scope"] == "renew"


def test_signing_requests_that_are_garbage_are_refused_and_spend_no_token(cloud: Cloud) -> None:
    token, device = enrolment(cloud), FleetDevice(cloud.client)
    garbage = {
        "empty": "",
        "no PEM": "hello",
        "long": "A" * 20_000,
        "cut": signing_request(device.key)[:200],
        "a certificate": cloud.client.get(f"{API}/ca").text,
        "another kind of key": rsa_request(),
        "signed by another": spoilt(signing_request(device.key)),
        "not ASCII": signing_request(device.key).replace("C", "É", 1),
        "NUL": "\0" * 100,
    }
    answers = {name: code_of(device.enrol(token, csr_pem=csr)) for name, csr in garbage.items()}
    assert answers == dict.fromkeys(garbage, (422, "csr.invalid"))
    assert code_of(device.enrol(token, csr_pem="A" * 200_000)) == (413, "request.too_large")
    assert device.enrol(token).status_code == 201


def rsa_request() -> str:
    key = rsa.generate_private_key(65537, 2048)
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    return request.public_bytes(Encoding.PEM).decode()


def spoilt(pem: str) -> str:
    """A request whose signature was changed."""
    der = bytearray(base64.b64decode("".join(pem.splitlines()[1:-1])))
    der[-1] ^= 1
    body = base64.encodebytes(bytes(der)).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"


def test_bodies_that_are_nonsense_are_refused_and_never_a_fault_of_ours(cloud: Cloud) -> None:
    enrolled_device(cloud)
    people, device = cloud.headers(), FleetDevice(cloud.client).nonce()
    half = "\ud800"  # half of a surrogate pair: JSON can say it, and no text can hold it
    asks: list[tuple[str, str, object]] = [
        ("POST", "/enrol", {"token_id": half, "secret": half, "csr_pem": half}),
        ("POST", "/enrol", {"token_id": "a" * 16, "secret": "b", "csr_pem": half}),
        ("POST", "/enrol", {"token_id": ["x"], "secret": {}, "csr_pem": 1}),
        ("POST", "/enrol", []),
        ("POST", "/device-auth/nonce", {"tenant": half, "device": "a"}),
        ("POST", "/device-auth/token", {"tenant": "acme", "device": "cam-01", "nonce": half, "signature": half}),
        ("POST", "/device-auth/token", {"tenant": "acme", "device": "cam-01", "nonce": device, "signature": "\0"}),
        ("POST", "/enrolments", {"device": "x", "labels": {half: "v"}}),
        ("POST", "/enrolments", {"device": "x", "labels": {"k": half}}),
        ("POST", "/enrolments", {"device": "x", "labels": {"k": "\0"}}),
        ("PATCH", "/devices/cam-01", {"labels": {half: half}}),
        ("PATCH", "/devices/cam-01", {"labels": {"\0": None}}),
        ("PATCH", "/devices/cam-01", {"labels": {"k" * 10_000: "v"}}),
        ("GET", "/devices/%00", None),
        ("GET", "/devices?after=%00", None),
        ("GET", "/devices?label=%ff%fe=%00", None),
        ("GET", "/enrolments?after=%00", None),
        ("DELETE", "/enrolments/%00", None),
        ("POST", "/devices/%2e%2e/revoke", None),
    ]
    for method, path, body in asks:
        content = None if body is None else json.dumps(body)
        headers = {**people, "Content-Type": "application/json"}
        response = cloud.client.request(method, f"{API}{path}", content=content, headers=headers)
        assert response.status_code in (400, 401, 404, 422), (method, path, body, response.text)


def test_every_route_of_the_fleet_is_404_across_tenants(cloud: Cloud) -> None:
    enrolled_device(cloud)
    token: TokenText = enrolment(cloud, "cam-02")
    before = counts(cloud)
    others = cloud.headers("globex")
    asks: list[tuple[str, str, object]] = [
        ("GET", "/devices/cam-01", None),
        ("PATCH", "/devices/cam-01", {"labels": {"a": "b"}}),
        ("POST", "/devices/cam-01/revoke", None),
        ("DELETE", "/devices/cam-01", None),
        ("DELETE", f"/enrolments/{token.id}", None),
        ("GET", f"/enrolments?after={token.id}", None),
    ]
    for method, path, body in asks:
        response = cloud.client.request(method, f"{API}{path}", json=body, headers=others)
        assert code_of(response) == (404, "not_found"), (method, path)
    assert cloud.client.get(f"{API}/devices", headers=others).json() == {"items": [], "next": None}
    assert counts(cloud)[0] == before[0]
    assert FleetDevice(cloud.client, device="cam-02").enrol(token).status_code == 201
